// Package cloud speaks EC2's query protocol to a lab that accepts any key: a benchmark must not depend on how fast an SDK is.
package cloud

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

// Cloud is a lab's endpoint.
type Cloud struct{ Endpoint, Region string }

// Call sends an action with parameters in pairs and returns the answer.
func (c *Cloud) Call(ctx context.Context, action string, pairs ...string) (string, error) {
	form := url.Values{"Action": {action}, "Version": {"2016-11-15"}}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Endpoint+"/", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	now := time.Now().UTC()
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Amz-Date", now.Format("20060102T150405Z"))
	req.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=BENCH/%s/%s/ec2/aws4_request, SignedHeaders=host;x-amz-date, Signature=%064d",
		now.Format("20060102"), c.Region, 0))
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

// Values are what all elements of a name hold, in the order of the answer.
func Values(xml, name string) []string {
	var out []string
	for _, m := range regexp.MustCompile(`<`+name+`>([^<]+)</`+name+`>`).FindAllStringSubmatch(xml, -1) {
		out = append(out, m[1])
	}
	return out
}

// Value is the first element of that name in an action's answer.
func (c *Cloud) Value(ctx context.Context, name, action string, pairs ...string) (string, error) {
	xml, err := c.Call(ctx, action, pairs...)
	if err != nil {
		return "", err
	}
	all := Values(xml, name)
	if len(all) == 0 {
		return "", fmt.Errorf("%s: no %s in the answer", action, name)
	}
	return all[0], nil
}

// Run launches n instances of the lab's image with parameters in pairs, and returns their ids.
func (c *Cloud) Run(ctx context.Context, n int, userData string, pairs ...string) ([]string, error) {
	image, err := c.Value(ctx, "imageId", "DescribeImages", "Filter.1.Name", "name", "Filter.1.Value.1", "lab-debian-12-*")
	if err != nil {
		return nil, err
	}
	count := strconv.Itoa(n)
	xml, err := c.Call(ctx, "RunInstances", append([]string{"ImageId", image, "MinCount", count, "MaxCount", count,
		"UserData", base64.StdEncoding.EncodeToString([]byte(userData))}, pairs...)...)
	if err != nil {
		return nil, err
	}
	if ids := Values(xml, "instanceId"); len(ids) == n {
		return ids, nil
	}
	return nil, fmt.Errorf("RunInstances: not %d instances in the answer", n)
}
