resource "clusterform_cluster" "lab" {
  name                = "lab"
  orchestrator        = "kubernetes"
  version             = "1.34.4"
  deletion_protection = false
}

data "clusterform_cluster" "lab" {
  cluster    = clusterform_cluster.lab.id
  depends_on = [clusterform_cluster.lab]
}

output "ca_certificate" {
  value = data.clusterform_cluster.lab.ca_certificate
}
