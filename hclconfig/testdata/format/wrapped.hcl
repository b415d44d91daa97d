output "a" {
  value = "${var.a}"
}
output b {
  value = "${ var.a }-${var.b}"
}

locals {
a = "${var.x}"
  longer_name="${upper("${var.y}")}"
  plain = "text"
  both = "${var.x}${var.y}"
  quoted = "${"text"}"
  multi = "${
    var.x
  }"
  sum = "${1 +
   2}"
  list = ["${var.a}", "${var.b}"]
  map = {
    "${var.k}" = "${var.v}"
    other="1"
  }
  call = "${merge({
    a = 1
  })}"
  literal = "$${var.x}"
  cond = "${var.a ? "x" : "y"}"
  here = <<EOT
${var.x}
EOT
  indented = <<-EOT
      a
        b
    EOT
}
locals {
  paren = "${(1 +
  2)}"
  paren2 = "${(1 +
  2) * (3)}"
  heredoc = "${<<EOT
text
EOT
}"
  strip = "${~ var.a ~}"
  objlist = "${[
    1,
  ]}"
  quotedlit = "${var.a}" # comment
  f = foo("${var.a}")
}
resource "x" "y" {
  type = "string"
  variable {
    type = "list"
  }
}
