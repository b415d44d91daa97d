resource "clusterform_cluster" "lab" {
  name                = "lab"
  orchestrator        = "kubernetes"
  version             = "1.34.4"
  deletion_protection = false
}

resource "clusterform_node_pool" "worker" {
  name    = "worker"
  cluster = clusterform_cluster.lab.id
  size    = 2
}

# Fails the apply as long as anything of the cluster is not ready, and is looked at again after each change.
resource "clusterform_cluster_ready" "lab" {
  cluster  = clusterform_cluster.lab.id
  triggers = { pool = jsonencode(clusterform_node_pool.worker.nodes) }

  timeouts = {
    create = "20m"
  }
}
