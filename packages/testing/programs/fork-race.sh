# One generation of a fork race: starts the next and leaves, until the file $QUIT exists. $SESSION is "setsid" for generations that each lead a session of their own.
[ -e "$QUIT" ] && exit
$SESSION sh "$0" &
