variable "size" {
  type    = number
  default = 1
}

cluster "platform" {
  orchestrator = "swarm"
  region       = "us-east-1"
}

node_pool "worker" {
  cluster = cluster.platform
  size    = var.size
}
