# terraform apply -invoke=action.clusterform_upgrade.lab
action "clusterform_upgrade" "lab" {
  config {
    cluster = "us-east-1/lab"
    version = "1.34.4"
  }
}
