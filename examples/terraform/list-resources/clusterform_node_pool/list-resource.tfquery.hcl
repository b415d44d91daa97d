# terraform query -generate-config-out=found.tf
list "clusterform_node_pool" "all" {
  provider         = clusterform
  include_resource = true

  config {
    cluster = "us-east-1/lab"
  }
}
