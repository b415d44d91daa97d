
# The API's certificate is made anew at each boot, from an authority whose key stays in memory.
certificate() {
  dir=/etc/docker/clusterform ca=$RUN/p/pki/docker
  install -d -m 700 $dir
  public=$(python3 -c 'import runpy; print(runpy.run_path("/usr/local/lib/clusterform/cf")["imds"]("meta-data/public-ipv4"))' 2>/dev/null)
  names="DNS:clusterform,DNS:api.clusterform.internal,IP:$IP${public:+,IP:$public}"
  for name in $(parameter names | tr ',' ' '); do
    case $name in *[!0-9.]*) names="$names,DNS:$name" ;; *) names="$names,IP:$name" ;; esac
  done
  printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\nkeyUsage=digitalSignature\nbasicConstraints=CA:FALSE\n' "$names" >$RUN/names
  (
    umask 077
    sed -n '/BEGIN CERT/,/END CERT/p' $ca >$dir/ca.pem
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $dir/key.pem.new -subj /CN=clusterform -out $RUN/request &&
      openssl x509 -req -in $RUN/request -CA $ca -CAkey $ca -set_serial "0x$(openssl rand -hex 16)" -days 3650 -sha256 -extfile $RUN/names -out $dir/cert.pem.new &&
      mv $dir/key.pem.new $dir/key.pem && mv $dir/cert.pem.new $dir/cert.pem
  ) >>$LOG 2>&1
}

# Which node begins: the engine names one, and it makes sure that no other has.
decide() {
  [ -n "$(parameter leader)" ] || [ -n "$(parameter initialised)" ] || { echo 'no node is named to begin yet' >>$LOG && return 1; }
  MODE=join
  [ "$(parameter leader)" = "$INSTANCE" ] && [ -z "$(parameter initialised)" ] || return 0
  for address in $(parameter endpoints | tr ',' ' '); do
    [ "$address" = "$IP" ] || ! timeout 3 bash -c "</dev/tcp/$address/2377" 2>/dev/null || return 0
  done
  MODE=init
}

# Managers serve the API in addition to what their distribution's unit says.
serve() {
  unit=$(systemctl show -p FragmentPath --value docker.service)
  command=$(sed -n 's/^ExecStart=//p' "$unit" | tail -n 1)
  mkdir -p /etc/systemd/system/docker.service.d
  printf '[Service]\nExecStart=\nExecStart=%s -H tcp://0.0.0.0:2376\n' "$command" >/etc/systemd/system/docker.service.d/clusterform.conf
}
prepare() {
  begin
  until log cf parameters && [ -n "$(parameter pki/docker)" ] && certificate; do
    # After a reboot the certificate of the last one serves, too.
    [ ! -e $STATE/joined ] || break
    [ $attempt -lt 3 ] || say fetching "certificates (attempt $attempt): $(last)"
    again "the Docker API's certificate cannot be made: $(last)"
  done
}
look_after() { :; }
