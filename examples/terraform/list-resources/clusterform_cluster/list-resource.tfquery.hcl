# terraform query -generate-config-out=found.tf
list "clusterform_cluster" "all" {
  provider         = clusterform
  include_resource = true
}
