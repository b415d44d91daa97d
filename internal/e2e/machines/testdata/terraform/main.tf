# One apply, from nothing to a workload that answers.

terraform {
  required_providers {
    clusterform = { source = "clusterform/clusterform" }
  }
}

# The lab's endpoint and keys come from the environment.
provider "clusterform" {}

variable "workers" {
  type    = number
  default = 1
}

variable "password" {
  type      = string
  ephemeral = true
  default   = "marker-of-a-terraform-secret"
}

resource "clusterform_cluster" "lab" {
  name                = "lab"
  orchestrator        = "kubernetes"
  version             = "1.34.4"
  region              = "eu-central-1"
  deletion_protection = false

  network       = { cidr = "10.78.0.0/16" }
  control_plane = { instance_type = ["t3.medium"], access = ["0.0.0.0/0"] }
  firewall      = { allow = { web = { to = "all", ports = ["30000-32767"], from = ["0.0.0.0/0"] } } }
}

resource "clusterform_node_pool" "worker" {
  name          = "worker"
  cluster       = clusterform_cluster.lab.id
  size          = var.workers
  instance_type = ["t3.large"]
}

resource "clusterform_workload" "web" {
  name     = "web"
  cluster  = clusterform_cluster.lab.id
  replicas = 2

  container = {
    app = {
      image        = "registry.lab:5000/hello:1"
      port         = { http = { container = 8080 } }
      secret_env   = { PASSWORD = { secret = "keys", key = "password" } }
      health_check = { command = ["/hello", "check"] }
    }
  }
  secret = { keys = { files = { password = var.password } } }
  expose = { http = { port = 8080, node_port = 30081 } }

  depends_on = [clusterform_node_pool.worker]
}

resource "clusterform_manifest" "settings" {
  name    = "settings"
  cluster = clusterform_cluster.lab.id

  object = {
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = { name = "settings", namespace = "default" }
    data       = { colour = "green" }
  }
}

resource "clusterform_cluster_ready" "lab" {
  cluster  = clusterform_cluster.lab.id
  triggers = { web = clusterform_workload.web.phase, settings = clusterform_manifest.settings.phase }
}

output "web" {
  value = clusterform_workload.web.endpoints["http"]
}

# Access that lives as long as the run. The waiter's id is not known before the cluster answers, so that nothing is asked
# of it while the first plan is made.
ephemeral "clusterform_kubeconfig" "lab" {
  cluster = clusterform_cluster_ready.lab.id
  ttl     = "10m"
}

resource "terraform_data" "nodes" {
  triggers_replace = [clusterform_cluster_ready.lab.id]

  provisioner "local-exec" {
    command     = "umask 077 && printf '%s' \"$KUBECONFIG_TEXT\" > kubeconfig && \"$KUBECTL\" --kubeconfig=kubeconfig get nodes -o name > nodes.txt; code=$?; rm -f kubeconfig; exit $code"
    environment = { KUBECONFIG_TEXT = ephemeral.clusterform_kubeconfig.lab.kubeconfig }
  }
}
