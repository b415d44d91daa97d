# terraform apply -invoke=action.clusterform_rotate.worker
action "clusterform_rotate" "worker" {
  config {
    cluster = "us-east-1/lab"
    pool    = "worker"
  }
}
