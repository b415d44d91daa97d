"""Drives the lab's endpoint with boto3, as a script of somebody who has never heard of the lab would."""
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

session = boto3.Session()
config = Config(retries={"max_attempts": 1, "mode": "standard"})


def client(name):
    return session.client(name, endpoint_url=sys.argv[1], config=config)


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return
    raise AssertionError(f"{code} was expected")


ec2, iam, ssm, sts, elb = (client(n) for n in ("ec2", "iam", "ssm", "sts", "elbv2"))

assert sts.get_caller_identity()["Account"] == "123456789012"
vpc = ec2.create_vpc(CidrBlock="10.88.0.0/16")["Vpc"]["VpcId"]
ec2.get_waiter("vpc_available").wait(VpcIds=[vpc])
subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.88.0.0/20")["Subnet"]["SubnetId"]
group = ec2.create_security_group(GroupName="nodes", Description="nodes", VpcId=vpc)["GroupId"]
ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")
image = ssm.get_parameter(Name="/aws/service/debian/release/12/latest/amd64")["Parameter"]["Value"]

iam.create_role(RoleName="node", AssumeRolePolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}')
document = iam.get_role(RoleName="node")["Role"]["AssumeRolePolicyDocument"]
assert document["Statement"][0]["Principal"]["Service"] == "ec2.amazonaws.com", document
iam.create_instance_profile(InstanceProfileName="node")
iam.add_role_to_instance_profile(InstanceProfileName="node", RoleName="node")
iam.get_waiter("instance_profile_exists").wait(InstanceProfileName="node")

launch = dict(MinCount=12, MaxCount=12, ImageId=image, InstanceType="t3.micro", SubnetId=subnet, SecurityGroupIds=[group], UserData="#!/bin/sh\n",
              IamInstanceProfile={"Name": "node"}, TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "cluster", "Value": "läb <1>"}]}])
refused("DryRunOperation", ec2.run_instances, DryRun=True, **launch)
instances = [i["InstanceId"] for i in ec2.run_instances(**launch)["Instances"]]
waiter = ec2.get_waiter("instance_running")
waiter.wait(InstanceIds=instances, WaiterConfig={"Delay": 1})
found = [i for page in ec2.get_paginator("describe_instances").paginate(Filters=[{"Name": "tag:cluster", "Values": ["läb*"]}], PaginationConfig={"PageSize": 5})
         for r in page["Reservations"] for i in r["Instances"]]
assert sorted(i["InstanceId"] for i in found) == sorted(instances)
assert found[0]["Tags"] == [{"Key": "cluster", "Value": "läb <1>"}], found[0]["Tags"]
attribute = ec2.describe_instance_attribute(InstanceId=instances[0], Attribute="userData")
assert attribute["UserData"]["Value"] == "IyEvYmluL3NoCg==", attribute
refused("InvalidInstanceID.NotFound", ec2.describe_instances, InstanceIds=["i-00000000000000000"])

balancer = elb.create_load_balancer(Name="api", Type="network", Scheme="internal", Subnets=[subnet])["LoadBalancers"][0]["LoadBalancerArn"]
targets = elb.create_target_group(Name="api", Protocol="TCP", Port=6443, VpcId=vpc)["TargetGroups"][0]["TargetGroupArn"]
elb.register_targets(TargetGroupArn=targets, Targets=[{"Id": i} for i in instances])
elb.create_listener(LoadBalancerArn=balancer, Protocol="TCP", Port=6443, DefaultActions=[{"Type": "forward", "TargetGroupArn": targets}])
elb.get_waiter("target_in_service").wait(TargetGroupArn=targets, WaiterConfig={"Delay": 1})

ssm.put_parameter(Name="/c/key", Value="secret", Type="SecureString")
assert ssm.get_parameter(Name="/c/key", WithDecryption=True)["Parameter"]["Value"] == "secret"
refused("ParameterNotFound", ssm.get_parameter, Name="/nobody")

ec2.terminate_instances(InstanceIds=instances)
ec2.get_waiter("instance_terminated").wait(InstanceIds=instances, WaiterConfig={"Delay": 1})
refused("DependencyViolation", ec2.delete_vpc, VpcId=vpc)
elb.delete_load_balancer(LoadBalancerArn=balancer)
print("done")
