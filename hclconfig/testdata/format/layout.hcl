


# a comment
cluster   "lab"   {
      orchestrator="kubernetes" # why
  version   =    "1.34.4"


  region = "eu-central-1" // other

  network {

    cidr = "10.0.0.0/16"

  }
  control_plane { size = 3 }
  /* block
     comment */
  firewall {
  allow "web" {
  ports=[80,443,
  "30000-32767"]
  from=["0.0.0.0/0"]
  }}
}
node_pool "w" {
cluster=cluster.lab
  size=(1+2)*3
   labels={a="b",c="d"}
  x = [
      1,2,
3 ]
  y = var.a?1:2
  z = [for k,v in var.m:k if v!=""]
  n = -  1
  b = !  true
  f = foo(1,2 ,3)
  i = a . b [ 0 ] . c
  s = a.*.b
  t = a[*].b
  o = {
    short = 1
    much_longer = 2
    # comment

    after_gap = 3
  }
}
