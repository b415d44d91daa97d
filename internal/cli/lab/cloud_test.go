package lab_test

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/rogpeppe/go-internal/testscript"
)

// runInstances runs one instance named NAME at AWS_ENDPOINT_URL, waits until it runs, and keeps its id in INSTANCE. With
// "!" it wants an error that contains TEXT.
func runInstances(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: run-instances NAME, or ! run-instances TEXT")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	client := ec2.New(ec2.Options{
		Region: ts.Getenv("AWS_REGION"), BaseEndpoint: aws.String(ts.Getenv("AWS_ENDPOINT_URL")),
		Credentials: credentials.NewStaticCredentialsProvider(ts.Getenv("AWS_ACCESS_KEY_ID"), ts.Getenv("AWS_SECRET_ACCESS_KEY"), ""),
	})
	images, err := client.DescribeImages(ctx, &ec2.DescribeImagesInput{Filters: []types.Filter{{Name: aws.String("name"), Values: []string{"lab-debian-12-*"}}}})
	if neg && err != nil && strings.Contains(err.Error(), args[0]) {
		return
	}
	ts.Check(err)
	out, err := client.RunInstances(ctx, &ec2.RunInstancesInput{
		MinCount: new(int32(1)), MaxCount: new(int32(1)), ImageId: images.Images[0].ImageId, InstanceType: types.InstanceTypeT3Medium,
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeInstance, Tags: []types.Tag{{Key: aws.String("Name"), Value: &args[0]}}}},
	})
	if neg {
		if err == nil || !strings.Contains(err.Error(), args[0]) {
			ts.Fatalf("got %v, want an error with %q", err, args[0])
		}
		return
	}
	ts.Check(err)
	id := *out.Instances[0].InstanceId
	ts.Check(ec2.NewInstanceRunningWaiter(client, func(o *ec2.InstanceRunningWaiterOptions) {
		o.MinDelay, o.MaxDelay = 50*time.Millisecond, 200*time.Millisecond
	}).Wait(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{id}}, 20*time.Second))
	ts.Setenv("INSTANCE", id)
}
