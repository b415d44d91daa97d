locals {
  n     = 3
  names = ["a", "b"]
}

output "pre" {
  value = local.n
  precondition {
    condition     = local.n > 5
    error_message = "n is only ${local.n}."
  }
}

output "index" {
  value = local.names[5]
}

output "func" {
  value = uper("x")
}

output "args" {
  value = cidrsubnet("10.0.0.0/8", 1)
}

output "template" {
  value = "${local.names}"
}

output "nonsense" {
  value = tonumber("abc")
}

check "health" {
  assert {
    condition     = local.n == 4
    error_message = "n is ${local.n}"
  }
}

check "empty" {}
