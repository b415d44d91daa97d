# terraform apply -invoke=action.clusterform_drain.one
action "clusterform_drain" "one" {
  config {
    cluster = "us-east-1/lab"
    node    = "i-0123456789abcdef0"
    timeout = "5m"
  }
}
