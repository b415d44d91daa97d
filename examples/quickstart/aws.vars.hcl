# What is different on AWS. Use it with: clusterform apply -var-file=aws.vars.hcl

# Your own address: https://checkip.amazonaws.com tells it. Nobody else reaches the API or the web server.
access = ["203.0.113.7/32"]

# A lab's registry is not there. Any image will do whose check needs nothing that it does not hold.
web = {
  image = "docker.io/library/nginx:1.29"
  port  = 80
  check = ["curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1/"]
}
