# Heads of blocks, circles of moves, an import that waits for another mistake.
cluster {
  orchestrator = "swarm"
}

cluster "a" "b" {
  orchestrator = "swarm"
}

locals "x" {}

cluster "lab" {
  orchestrator = "swarm"
  version      = "28.1"
  region       = "eu-west-1"
  firewall {
    allow {
      ports = [80]
      from  = ["0.0.0.0/0"]
    }
  }
}

node_pool "w" {
  cluster = cluster.lab
  size    = "many"
}

import {
  to = node_pool.w[0]
  id = "i-0123456789abcdef0"
}

moved {
  from = node_pool.x
  to   = node_pool.y
}

moved {
  from = node_pool.y
  to   = node_pool.x
}

# Every wrong element of a list is told of.
cluster "lists" {
  orchestrator = "swarm"
  version      = "28.1"
  region       = "eu-west-1"
  network {
    cidr = "10.1.0.0/16"
  }
  control_plane {
    instance_type = ["t3.medium", "T3.large", "nonsense"]
    access        = ["192.0.2.1", "anywhere"]
  }
  firewall {
    allow "web" {
      ports = [0, 80, 70000, "90-80", "http"]
      from  = ["0.0.0.0/33", "everybody"]
    }
  }
}
