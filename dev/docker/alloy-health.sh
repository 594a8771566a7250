# Healthy = the Alloy at HOST:PORT says that it is ready. Its image has neither curl nor wget; bash speaks enough HTTP.
set -e
exec 3<>"/dev/tcp/${1/:/\/}"
printf 'GET /-/ready HTTP/1.0\r\n\r\n' >&3
read -r _ code _ <&3
[ "$code" = 200 ]
