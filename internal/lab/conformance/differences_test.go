package conformance

// differences are those between the lab (first) and moto (second) that are meant. A difference that is not here fails,
// and so does an entry that no longer differs.
func differences() []difference {
	var out []difference
	because := func(why, step string, fields ...string) {
		for _, f := range fields {
			out = append(out, difference{step, f, why})
		}
	}

	const more = "AWS answers it; moto leaves it out"
	because(more, "DescribeAvailabilityZones", "+AvailabilityZones[].GroupName", "+AvailabilityZones[].NetworkBorderGroup", "+AvailabilityZones[].OptInStatus")
	because(more, "*Subnet*", "+Subnet*.EnableDns64", "+Subnet*.MapCustomerOwnedIpOnLaunch")
	because(more, "Create*", "+ClientToken")
	because(more, "CreateSecurityGroup", "+Tags")
	because(more, "*SecurityGroup*", "+SecurityGroupRules[].GroupOwnerId", "+SecurityGroupRules[].SecurityGroupRuleArn", "+RevokedSecurityGroupRules")
	because(more+", as -1 for all protocols", "AuthorizeSecurityGroupIngress from a group", "+SecurityGroupRules[].FromPort", "+SecurityGroupRules[].ToPort")
	because(more, "DescribeImages", "+Images[].BlockDeviceMappings[].Ebs.Encrypted", "+Images[].EnaSupport", "+Images[].ImageLocation", "+Images[].PlatformDetails", "+Images[].SriovNetSupport", "+Images[].UsageOperation")
	because(more, "*Instances*", "+*Instances[].CapacityReservationSpecification", "+*Instances[].CpuOptions", "+*Instances[].CurrentInstanceBootMode", "+*Instances[].EnaSupport",
		"+*Instances[].EnclaveOptions", "+*Instances[].HibernationOptions.Configured", "+*Instances[].MaintenanceOptions", "+*Instances[].Placement.AvailabilityZoneId",
		"+*Instances[].PlatformDetails", "+*Instances[].PrivateDnsNameOptions", "+*Instances[].UsageOperation", "+*Instances[].UsageOperationUpdateTime",
		"+*Instances[].NetworkInterfaces[].PrivateIpAddresses[].PrivateDnsName")
	because(more, "ModifyInstanceMetadataOptions", "+InstanceMetadataOptions.HttpEndpoint", "+InstanceMetadataOptions.HttpProtocolIpv6", "+InstanceMetadataOptions.InstanceMetadataTags")
	because(more, "DescribeInstances terminated", "+Reservations[].Instances[].MetadataOptions.*", "+Reservations[].Instances[].PublicDnsName")
	because(more, "*NetworkInterface*", "+NetworkInterface*.AvailabilityZoneId")
	because(more, "DescribeNetworkInterfaces", "+NetworkInterfaces[].PrivateIpAddresses[].Association")
	because(more, "DescribeVolumes", "+Volumes[].Attachments[].DeleteOnTermination", "+Volumes[].Iops", "+Volumes[].MultiAttachEnabled", "+Volumes[].SnapshotId", "+Volumes[].Throughput")
	because(more, "CreateVolume", "+MultiAttachEnabled", "+Throughput")
	because(more, "*Address*", "+*NetworkBorderGroup", "+*PublicIpv4Pool")
	because(more, "*NatGateway*", "+*.ConnectivityType", "+*.IsPrimary", "+*.Status")
	because(more, "DeleteLaunchTemplate", "+LaunchTemplate.CreateTime", "+LaunchTemplate.CreatedBy", "+LaunchTemplate.LatestVersionNumber")
	because(more, "CreatePolicy", "+Policy.PermissionsBoundaryUsageCount")
	because(more, "GetParameter version", "+Parameter.Selector")
	because(more, "DescribeParameters", "+Parameters[].ARN")
	because(more, "*Listener*", "+Listeners[].DefaultActions[].ForwardConfig", "+Listeners[].DefaultActions[].Order")
	because("the lab always says a load balancer's address, because its DNS name resolves only where the lab serves DNS", "*LoadBalancer*", "+LoadBalancers[].AvailabilityZones[].LoadBalancerAddresses")

	const invented = "moto answers it where AWS does not"
	because(invented, "*Instances*", "-*Instances[].SriovNetSupport")
	because(invented, "*NetworkInterface*", "-NetworkInterface*.RequesterId")
	because(invented, "CreateNetworkInterface", "-NetworkInterface.Association")
	because(invented, "CreateRole", "-Role.RoleLastUsed")
	because(invented, "GetInstanceProfile", "-InstanceProfile.Roles[].RoleLastUsed")
	because(invented+", for TCP listeners", "*Listener*", "-Listeners[].SslPolicy")
	because("a terminated instance has no network any more on AWS", "DescribeInstances terminated", "-Reservations[].Instances[].NetworkInterfaces", "-Reservations[].Instances[].PrivateIpAddress",
		"-Reservations[].Instances[].SecurityGroups", "-Reservations[].Instances[].SourceDestCheck", "-Reservations[].Instances[].SubnetId", "-Reservations[].Instances[].VpcId")
	because("the lab's instance is already running when it is described; moto gives every instance a reason", "DescribeInstances", "-Reservations[].Instances[].StateReason")
	because("without machines the lab has no console, and moto makes one up", "GetConsoleOutput", "-Output")
	because("the lab's table of types has what a scheduler looks at; moto carries AWS's own data", "DescribeInstanceTypes", "-InstanceTypes[].*")

	const lax = "AWS refuses this and so does the lab; moto lets it pass"
	because(lax, "CreateVpc dry run", "error DryRunOperation (412) / none")
	because(lax, "RunInstances unknown type", "error InvalidParameterValue (400) / none")
	because(lax, "RunInstances unknown key", "error InvalidKeyPair.NotFound (400) / none")
	because(lax, "ModifyInstanceAttribute type while running", "error IncorrectInstanceState (400) / none")
	because(lax, "CreateTags unknown", "error InvalidInstanceID.NotFound (400) / none")
	because(lax, "CreateRole bad document", "error MalformedPolicyDocument (400) / none")
	because(lax, "DeletePolicy attached", "error DeleteConflict (409) / none")
	because(lax, "Delete* in use", "error DependencyViolation (400) / none")
	because(lax, "StartInstances terminated", "error IncorrectInstanceState (400) / none")
	because("follows from moto deleting a policy that is attached", "DetachRolePolicy", "error none / NoSuchEntity (404)")
	because("follows from moto deleting a policy that is attached", "DeleteRole", "error none / DeleteConflict (409)")
	return out
}
