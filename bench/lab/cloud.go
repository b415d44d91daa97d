package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// cloud speaks EC2's query protocol to a lab that accepts any key: a benchmark must not depend on how fast an SDK is.
type cloud struct{ endpoint, region string }

// call sends an action with parameters in pairs and returns the answer.
func (c *cloud) call(ctx context.Context, action string, pairs ...string) (string, error) {
	form := url.Values{"Action": {action}, "Version": {"2016-11-15"}}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint+"/", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	now := time.Now().UTC()
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Amz-Date", now.Format("20060102T150405Z"))
	req.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=BENCH/%s/%s/ec2/aws4_request, SignedHeaders=host;x-amz-date, Signature=%064d",
		now.Format("20060102"), c.region, 0))
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("%s: %w", action, err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", fmt.Errorf("%s: %w", action, err)
	}
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s: %s", action, answer.Status, body)
	}
	return string(body), nil
}

// values are what all elements of a name hold, in the order of the answer.
func values(xml, name string) []string {
	var out []string
	for _, m := range regexp.MustCompile(`<`+name+`>([^<]+)</`+name+`>`).FindAllStringSubmatch(xml, -1) {
		out = append(out, m[1])
	}
	return out
}

// value is the first element of that name in an action's answer.
func (c *cloud) value(ctx context.Context, name, action string, pairs ...string) (string, error) {
	xml, err := c.call(ctx, action, pairs...)
	if err != nil {
		return "", err
	}
	all := values(xml, name)
	if len(all) == 0 {
		return "", fmt.Errorf("%s: no %s in the answer", action, name)
	}
	return all[0], nil
}

// run launches n instances and returns their ids.
func (c *cloud) run(ctx context.Context, subnet string, n int, userData string) ([]string, error) {
	image, err := c.value(ctx, "imageId", "DescribeImages", "Filter.1.Name", "name", "Filter.1.Value.1", "lab-debian-12-*")
	if err != nil {
		return nil, err
	}
	count := strconv.Itoa(n)
	xml, err := c.call(ctx, "RunInstances", "ImageId", image, "InstanceType", "t3.medium", "SubnetId", subnet,
		"MinCount", count, "MaxCount", count, "UserData", base64.StdEncoding.EncodeToString([]byte(userData)))
	if err != nil {
		return nil, err
	}
	if ids := values(xml, "instanceId"); len(ids) == n {
		return ids, nil
	}
	return nil, fmt.Errorf("RunInstances: not %d instances in the answer", n)
}
