# Workloads of several kinds. `clusterform render` shows them as Kubernetes objects, and with -orchestrator=swarm what a
# Swarm makes of them: all but the sidecar and the cron job.

variable "orchestrator" {
  description = "What the cluster runs: kubernetes or swarm."
  type        = string
  default     = "kubernetes"
}

variable "database_password" {
  description = "Password of the shop's database."
  type        = string
  default     = "change-me"
  sensitive   = true
}

cluster "shop" {
  orchestrator = var.orchestrator
  version      = var.orchestrator == "swarm" ? "29.0" : "1.34.4"
  region       = "eu-central-1"
}

node_pool "worker" {
  cluster       = cluster.shop
  size          = 2
  instance_type = "t3.large"
  labels        = { tier = "web" }
}

# Three replicas behind a port of every node.
workload "web" {
  cluster  = cluster.shop
  replicas = 3

  container "app" {
    image = "registry.example.com/shop:1"
    env   = { DATABASE_PASSWORD_FILE = "/run/secrets/password" }

    port "http" { container = 8080 }
    resources {
      cpu          = "100m"
      memory       = "64Mi"
      memory_limit = "128Mi"
    }
    health_check { command = ["/shop", "check"] }
    mount "settings" {
      path      = "/etc/shop"
      read_only = true
    }
    mount "database" {
      path      = "/run/secrets"
      read_only = true
    }
  }

  config "settings" {
    files = { "shop.conf" = "currency = EUR\n" }
  }
  secret "database" {
    files = { password = var.database_password }
  }

  expose "http" {
    port      = 8080
    node_port = 30080
  }
  placement {
    node_labels = { tier = "web" }
    spread      = ["node"]
  }
  update {
    max_surge       = 1
    max_unavailable = 0
    auto_revert     = true
  }
}

# One on every node.
workload "agent" {
  cluster = cluster.shop
  kind    = "daemon"

  container "agent" { image = "registry.example.com/agent:3" }
}

# Runs to its end.
workload "migrate" {
  cluster = cluster.shop
  kind    = "job"

  container "migrate" {
    image = "registry.example.com/shop:1"
    args  = ["migrate"]
  }
}

# A sidecar and a schedule, which only Kubernetes knows.
workload "report" {
  enabled  = var.orchestrator == "kubernetes"
  cluster  = cluster.shop
  kind     = "cron_job"
  schedule = "0 3 * * *"

  container "report" { image = "registry.example.com/report:1" }
  sidecar "log" { image = "registry.example.com/tail:1" }
}
