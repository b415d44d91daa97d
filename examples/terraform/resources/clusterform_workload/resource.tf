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

variable "token" {
  type      = string
  default   = "from-your-secret-manager"
  ephemeral = true
}

resource "clusterform_workload" "web" {
  name     = "web"
  cluster  = clusterform_cluster.lab.id
  replicas = 3

  container = {
    app = {
      image        = "registry.lab:5000/hello:1"
      port         = { http = { container = 8080 } }
      resources    = { cpu = "100m", memory = "64Mi" }
      health_check = { http = "/healthz" }
      secret_env   = { TOKEN = { secret = "keys", key = "token" } }
    }
  }

  # Write-only: it never gets into Terraform's plan or state.
  secret = {
    keys = { files = { token = var.token } }
  }

  expose = {
    http = { port = 80, node_port = 30080 }
  }

  depends_on = [clusterform_node_pool.worker]
}
