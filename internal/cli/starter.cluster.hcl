# One cluster with one pool of nodes. `clusterform plan` shows what this would make, `clusterform apply` makes it,
# `clusterform destroy` removes all of it again.

variable "workers" {
  description = "How many worker nodes there are. Change it here, or with -var workers=3."
  type        = number
  default     = 2
}

cluster "@NAME@" {
  orchestrator = "kubernetes" # or "swarm", "mesos"
  version      = "1.34.4"
  region       = "@REGION@"

  network {
    cidr               = "10.88.0.0/16"
    availability_zones = 2 # a number, or a list of names
  }

  control_plane {
    size          = 1 # 1, 3 or 5; more than one puts a load balancer in front
    instance_type = "t3.medium"

    # Who may reach the API endpoint. Nobody outside of the cluster, unless it says so here.
    # access = ["203.0.113.0/24"]
  }

  firewall {
    allow "web" {
      to    = "worker"
      ports = [80, 443]
      from  = ["0.0.0.0/0"]
    }
  }
}

node_pool "worker" {
  cluster       = cluster.@NAME@
  size          = var.workers
  instance_type = ["t3.large", "t3a.large"] # the next one is taken where the first is not to be had

  labels = {
    tier = "web"
  }

  # How nodes are replaced: one more than wanted at a time, never one less.
  update {
    max_surge       = 1
    max_unavailable = 0
  }
}

output "endpoint" {
  value = cluster.@NAME@.endpoint
}
