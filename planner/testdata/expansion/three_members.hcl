cluster "prod" {
  orchestrator = "swarm"
  version      = "28.5.2"
  region       = "cn-north-1"
  network {
    availability_zones = ["cn-north-1a", "cn-north-1b", "cn-north-1d"]
    overlay { encrypted = true }
  }
  control_plane {
    size   = 3
    access = ["192.0.2.0/24"]
  }
  firewall {
    allow "db" {
      to    = "db"
      ports = [5432]
      from  = ["worker", "198.51.100.7/32"]
    }
    allow "ping" {
      to       = "all"
      protocol = "icmp"
      from     = ["cluster"]
    }
  }
}

node_pool "db" {
  cluster            = cluster.prod
  size               = 1
  availability_zones = ["cn-north-1b"]
  spot               = true
  user_data          = "#!/bin/sh\necho db"
  taint "db" {
    effect = "NoSchedule"
  }
}
