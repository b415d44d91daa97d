resource "clusterform_cluster" "lab" {
  name                = "lab"
  orchestrator        = "kubernetes"
  version             = "1.34.4"
  deletion_protection = false
}

resource "clusterform_node_pool" "worker" {
  name          = "worker"
  cluster       = clusterform_cluster.lab.id
  size          = 2
  instance_type = ["t3.large", "t3a.large"]
  labels        = { tier = "web" }

  taint = {
    dedicated = { value = "web" }
  }

  update = {
    max_surge       = "50%"
    max_unavailable = 0
  }
}

output "addresses" {
  value = clusterform_node_pool.worker.nodes[*].private_ip
}
