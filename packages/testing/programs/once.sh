# Enters its name $1 in the ledger, by one write at the file's end, writes three lines and ends with code $2.
echo "$1" >>"$LEDGER"
for n in 1 2 3; do echo "$1 line $n"; done
exit "$2"
