# Writes numbered lines to both streams in bursts until the file $1 exists, then "last N" and ends with code $2. Line N goes to stderr when N is a multiple of three.
n=0
until [ -e "$1" ]; do
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    n=$((n + 1))
    if [ $((n % 3)) = 0 ]; then echo "line $n" >&2; else echo "line $n"; fi
  done
  sleep 0.03
done
echo "last $n"
exit "$2"
