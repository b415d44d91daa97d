resource "clusterform_cluster" "lab" {
  name                = "lab"
  orchestrator        = "kubernetes"
  version             = "1.34.4"
  deletion_protection = false
}

data "clusterform_nodes" "control_plane" {
  cluster    = clusterform_cluster.lab.id
  pool       = "control_plane"
  depends_on = [clusterform_cluster.lab]
}

output "instances" {
  value = data.clusterform_nodes.control_plane.nodes[*].id
}
