# Everything a workload can say.

variable "password" {
  type      = string
  default   = "not-a-secret"
  sensitive = true
}

cluster "lab" {
  orchestrator = "kubernetes"
  version      = "1.34.4"
  region       = "eu-central-1"
}

workload "shop" {
  cluster     = cluster.lab
  namespace   = "shop"
  labels      = { team = "web" }
  annotations = { "example.com/x" = "y" }
  grace       = "1m"

  init_container "migrate" {
    image = "shop:1"
    args  = ["migrate"]
  }

  container "app" {
    image       = "shop:1"
    command     = ["/shop"]
    args        = ["-v"]
    working_dir = "/srv"
    user        = "1000:1000"
    read_only   = true
    env         = { MODE = "fast" }

    secret_env "PASSWORD" {
      secret = "db"
      key    = "password"
    }
    port "http" {
      container = 8080
    }
    port "stats" {
      container = 8125
      host      = 8125
      protocol  = "udp"
    }
    resources {
      cpu          = "250m"
      memory       = "64Mi"
      cpu_limit    = 1
      memory_limit = "128Mi"
    }
    liveness {
      tcp  = true
      port = "http"
    }
    readiness {
      http              = "/ready"
      interval          = "5s"
      timeout           = "2s"
      initial_delay     = "1s"
      failure_threshold = 2
    }
    mount "data" {
      path = "/data"
    }
    mount "settings" {
      path      = "/etc/shop"
      read_only = true
    }
    mount "scratch" {
      path     = "/tmp"
      sub_path = "shop"
    }
  }

  sidecar "log" {
    image = "tail:1"

    resources {
      cpu = "50m"
    }
  }

  config "settings" {
    files = { "shop.conf" = "color = blue\n" }
  }
  secret "db" {
    files = { password = var.password }
  }

  volume "data" {
    claim {
      size          = "10Gi"
      storage_class = "fast"
    }
  }
  volume "scratch" {
    empty {
      memory = true
      size   = "16Mi"
    }
  }
  volume "host" {
    host = "/var/lib/shop"
  }

  expose "http" {
    type = "load_balancer"
    port = 80
  }

  autoscale {
    min = 2
    max = 10
    cpu = 70
  }

  placement {
    node_labels   = { tier = "web" }
    spread        = ["zone"]
    anti_affinity = ["shop"]
    toleration {
      key    = "dedicated"
      value  = "web"
      effect = "NoSchedule"
    }
    toleration {
      duration = "1m"
    }
  }

  update {
    max_surge         = "50%"
    max_unavailable   = 0
    progress_deadline = "2m"
    auto_revert       = true
  }
}
