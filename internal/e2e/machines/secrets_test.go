//go:build linux

package machines_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"
)

// secrets looks for every secret that the Parameter Store holds (there must be some), and for the workload's, in all places where none may be.
func (w *world) secrets(t *testing.T, atLeast int, args ...string) {
	secrets := w.storedSecrets(t)
	if len(secrets) < atLeast {
		t.Fatalf("only %d secrets are stored: is the scan looking at the right place?", len(secrets))
	}
	secrets["the workload's password"] = "marker-of-a-workload-secret"
	w.run(0, append([]string{"plan", "-out=scan.plan", "-var=workers=3"}, args...)...)
	scan := func(where, text string) {
		for name, secret := range secrets {
			for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret))} {
				if strings.Contains(text, form) {
					t.Errorf("%s holds %s", where, name)
				}
			}
		}
	}
	err := filepath.WalkDir(w.config(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".hcl") { // the files themselves are the user's
			return err
		}
		data, err := os.ReadFile(path)
		scan(path, string(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	scan("the saved plan", w.run(0, "show", "-json", "scan.plan").stdout)
	scan("the shown state", w.run(0, "show", "-json").stdout)
	compute := ec2.NewFromConfig(w.aws())
	for address, n := range w.nodes() {
		data, err := compute.DescribeInstanceAttribute(t.Context(), &ec2.DescribeInstanceAttributeInput{InstanceId: &n.ID, Attribute: types.InstanceAttributeNameUserData})
		if err != nil {
			t.Fatal(err)
		}
		text, err := base64.StdEncoding.DecodeString(aws.ToString(data.UserData.Value))
		if err != nil || len(text) == 0 {
			t.Fatalf("%s has no user-data: %v", address, err)
		}
		scan("the user-data of "+address, string(text))
		scan("the console of "+address, w.run(0, "lab", "console", address).stdout)
		scan("the processes of "+address, w.node(address, "sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"))
		scan("the logs of "+address, w.node(address, "sh", "-c", "journalctl --no-pager -q; cat /var/log/cloud-init*.log /var/log/clusterform*.log 2>/dev/null || true"))
	}
	w.rolesAreApart(t)
}

// storedSecrets are the values of the cluster's parameters that are secret.
func (w *world) storedSecrets(t *testing.T) map[string]string {
	t.Helper()
	store := ssm.NewFromConfig(w.aws())
	out := map[string]string{}
	pages := ssm.NewGetParametersByPathPaginator(store, &ssm.GetParametersByPathInput{Path: aws.String("/clusterform"), Recursive: aws.Bool(true), WithDecryption: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.Parameters {
			name, value := aws.ToString(p.Name), aws.ToString(p.Value)
			if p.Type != "SecureString" {
				t.Errorf("%s is a %s, want a SecureString", name, p.Type)
			}
			if _, key, ok := strings.Cut(value, "PRIVATE KEY-----\n"); ok {
				out[name] = strings.SplitN(key, "\n", 2)[0] // a line of the key, wherever it is folded into
			} else if strings.HasSuffix(name, "/join") && value != "" {
				out[name] = value[strings.LastIndexAny(value, ".-")+1:]
			}
		}
	}
	return out
}

// rolesAreApart reads parameters with a worker's credentials, as any process of root on the worker could.
func (w *world) rolesAreApart(t *testing.T) {
	const imds = `T=$(curl -sS -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token)
M=http://169.254.169.254/latest/meta-data/iam/security-credentials/
R=$(curl -sS -H "X-aws-ec2-metadata-token: $T" $M)
curl -sS -H "X-aws-ec2-metadata-token: $T" $M$R`
	var keys struct {
		AccessKeyID            string `json:"AccessKeyId"`
		SecretAccessKey, Token string
	}
	if err := json.Unmarshal([]byte(w.node("node_pool.worker[0]", "sh", "-c", imds)), &keys); err != nil {
		t.Fatal(err)
	}
	cfg := w.aws()
	cfg.Credentials = credentials.NewStaticCredentialsProvider(keys.AccessKeyID, keys.SecretAccessKey, keys.Token)
	worker := ssm.NewFromConfig(cfg)
	for name := range w.storedSecrets(t) {
		if !strings.Contains(name, "/control-plane/") {
			continue
		}
		_, err := worker.GetParameter(t.Context(), &ssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
		if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != "AccessDeniedException" {
			t.Errorf("a worker reads %s: %v", name, err)
		}
		own := strings.SplitAfter(name, "/control-plane/")[0]
		own = strings.Replace(own, "/control-plane/", "/worker/endpoints", 1)
		if _, err := worker.GetParameter(t.Context(), &ssm.GetParameterInput{Name: &own, WithDecryption: aws.Bool(true)}); err != nil {
			t.Errorf("a worker cannot read what it needs: %v", err)
		}
	}
}
