# What both orchestrators can do.

variable "password" {
  type      = string
  default   = "s3cret-of-the-test"
  sensitive = true
}

cluster "lab" {
  orchestrator = "kubernetes"
  version      = "1.34.4"
  region       = "eu-central-1"
}

workload "web" {
  for_each  = { eu = 3, "us/east" = 2 }
  cluster   = cluster.lab
  namespace = "shop"
  replicas  = each.value
  labels    = { team = "web" }

  container "app" {
    image       = "registry.lab:5000/hello:1"
    command     = ["/hello"]
    args        = ["-greeting", "costs $5, $(HOME) and $$"]
    working_dir = "/srv"
    user        = "1000:1000"
    read_only   = true
    env = {
      GREETING      = "hello $(USER) ${"$"}{HOME}"
      PASSWORD_FILE = "/run/secrets/password"
    }
    port "http" { container = 8080 }
    port "stats" {
      container = 8125
      host      = 8125
      protocol  = "udp"
    }
    resources {
      cpu          = "250m"
      memory       = "64Mi"
      cpu_limit    = 1
      memory_limit = 100000001
    }
    health_check {
      http          = "/healthz"
      initial_delay = "2s"
      timeout       = "1500ms"
    }
    mount "settings" { path = "/etc/hello" }
    mount "database" {
      path      = "/run/secrets"
      read_only = true
    }
    mount "scratch" { path = "/tmp" }
    mount "logs" { path = "/var/log/hello" }
  }

  config "settings" {
    files = {
      "hello.conf"    = "color = blue\n"
      "conf.d/a.conf" = "a = 1\n"
    }
  }
  secret "database" {
    files = { password = var.password }
  }
  volume "scratch" {
    empty {
      memory = true
      size   = "16Mi"
    }
  }
  volume "logs" {
    host = "/var/log/hello"
  }

  expose "http" {
    port      = 8080
    node_port = each.key == "eu" ? 30080 : 30081
  }

  placement {
    node_labels   = { tier = "web" }
    spread        = ["zone", "node"]
    anti_affinity = ["web"]
  }

  update {
    max_surge       = 1
    max_unavailable = 0
    auto_revert     = true
  }
}
