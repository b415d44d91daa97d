package api_test

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/clusterform/clusterform/internal/lab/api"
)

func contextWithTimeout(t testing.TB, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}

// imdsDo asks the metadata service as an instance.
func imdsDo(t testing.TB, l *lab, id, method, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequestWithContext(api.WithMachine(t.Context(), id), method, path, nil)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	l.IMDS().ServeHTTP(w, req)
	return w
}

// imdsGet asks with a token.
func imdsGet(t testing.TB, l *lab, id, path string) (int, string) {
	t.Helper()
	token := imdsDo(t, l, id, http.MethodPut, "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", "60").Body.String()
	w := imdsDo(t, l, id, http.MethodGet, path, "X-aws-ec2-metadata-token", token)
	return w.Code, w.Body.String()
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, api.Options{})
		n := makeNetwork(t, l)
		ctx := t.Context()
		makeRole(t, l, "node")
		must(l.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: new("node"), PolicyName: new("p"), PolicyDocument: new(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ssm:GetParameter","Resource":"*"}}`)}))(t)
		putSecret(t, l, "/c/join", "secret")
		must(l.ec2.ImportKeyPair(ctx, &ec2.ImportKeyPairInput{KeyName: new("me"), PublicKeyMaterial: []byte("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS me@here")}))(t)
		in := n.run(2)
		in.KeyName = new("me")
		in.UserData = new(base64.StdEncoding.EncodeToString([]byte("#!/bin/sh\necho hello\n")))
		in.IamInstanceProfile = &types.IamInstanceProfileSpecification{Name: new("node")}
		in.MetadataOptions = &types.InstanceMetadataOptionsRequest{HttpTokens: types.HttpTokensStateRequired, InstanceMetadataTags: types.InstanceMetadataTagsStateEnabled}
		rs := must(l.ec2.RunInstances(ctx, in))(t)
		i, other := rs.Instances[0], *rs.Instances[1].InstanceId
		id := *i.InstanceId

		for path, want := range map[string]string{
			"/latest/meta-data/instance-id":                 id,
			"/2021-03-23/meta-data/instance-id":             id,
			"/latest/meta-data/local-ipv4":                  "10.88.0.4",
			"/latest/meta-data/public-ipv4":                 *i.PublicIpAddress,
			"/latest/meta-data/local-hostname":              "ip-10-88-0-4." + testRegion + ".compute.internal",
			"/latest/meta-data/placement/availability-zone": testRegion + "a",
			"/latest/meta-data/public-keys/":                "0=me",
			"/latest/meta-data/iam/security-credentials/":   "node",
			"/latest/meta-data/tags/instance":               "cluster",
			"/latest/meta-data/tags/instance/cluster":       "lab",
			"/latest/meta-data/network/interfaces/macs/":    *i.NetworkInterfaces[0].MacAddress + "/",
			"/latest/meta-data/placement/":                  "availability-zone\navailability-zone-id\nregion",
			"/latest/user-data":                             "#!/bin/sh\necho hello\n",
			"/latest/":                                      "dynamic/\nmeta-data/\nuser-data",
			"/latest/meta-data/public-keys/0/openssh-key":   "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS me@here\n",
		} {
			if got, body := imdsGet(t, l, id, path); got != http.StatusOK || body != want {
				t.Errorf("%s: %d %q, want %q", path, got, body, want)
			}
		}
		if got, _ := imdsGet(t, l, id, "/latest/meta-data/nothing"); got != http.StatusNotFound {
			t.Errorf("an unknown path: %d, want 404", got)
		}

		// Credentials work, and only for what the role may do.
		_, doc := imdsGet(t, l, id, "/latest/meta-data/iam/security-credentials/node")
		var cred struct{ AccessKeyID, SecretAccessKey, Token, Expiration string }
		if err := json.Unmarshal([]byte(doc), &cred); err != nil {
			t.Fatal(err)
		}
		r := l.as(cred.AccessKeyID, cred.SecretAccessKey, cred.Token)
		if got := getSecret(t, r, "/c/join"); got != "secret" {
			t.Errorf("read %q with the instance's role", got)
		}
		_, err := r.ssm.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: new("/c/join")})
		wantCode(t, err, "AccessDeniedException")
		if got := *must(r.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}))(t).Arn; !strings.HasSuffix(got, "assumed-role/node/"+id) {
			t.Errorf("the instance is %s", got)
		}

		// Tokens.
		if got := imdsDo(t, l, id, http.MethodGet, "/latest/meta-data/").Code; got != http.StatusUnauthorized {
			t.Errorf("without a token: %d, want 401", got)
		}
		token := imdsDo(t, l, id, http.MethodPut, "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", "60").Body.String()
		if got := imdsDo(t, l, other, http.MethodGet, "/latest/meta-data/", "X-aws-ec2-metadata-token", token).Code; got != http.StatusUnauthorized {
			t.Errorf("with another instance's token: %d, want 401", got)
		}
		time.Sleep(time.Minute)
		if got := imdsDo(t, l, id, http.MethodGet, "/latest/meta-data/", "X-aws-ec2-metadata-token", token).Code; got != http.StatusUnauthorized {
			t.Errorf("with a token that ran out: %d, want 401", got)
		}
		for name, h := range map[string][]string{"no lifetime": nil, "a lifetime of a week": {"X-aws-ec2-metadata-token-ttl-seconds", "604800"}} {
			if got := imdsDo(t, l, id, http.MethodPut, "/latest/api/token", h...).Code; got != http.StatusBadRequest {
				t.Errorf("%s: %d, want 400", name, got)
			}
		}
		if got := imdsDo(t, l, id, http.MethodPut, "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", "60", "X-Forwarded-For", "1.2.3.4").Code; got != http.StatusForbidden {
			t.Errorf("through a proxy: %d, want 403", got)
		}
		must(l.ec2.ModifyInstanceMetadataOptions(ctx, &ec2.ModifyInstanceMetadataOptionsInput{InstanceId: &id, HttpTokens: types.HttpTokensStateOptional}))(t)
		if got := imdsDo(t, l, id, http.MethodGet, "/latest/meta-data/").Code; got != http.StatusOK {
			t.Errorf("without a token where they are optional: %d, want 200", got)
		}
		must(l.ec2.ModifyInstanceMetadataOptions(ctx, &ec2.ModifyInstanceMetadataOptionsInput{InstanceId: &id, HttpEndpoint: types.InstanceMetadataEndpointStateDisabled}))(t)
		if got := imdsDo(t, l, id, http.MethodGet, "/latest/meta-data/").Code; got != http.StatusForbidden {
			t.Errorf("turned off: %d, want 403", got)
		}
		if got := imdsDo(t, l, "i-00000000000000000", http.MethodGet, "/latest/meta-data/").Code; got != http.StatusNotFound {
			t.Errorf("from nowhere: %d, want 404", got)
		}
	})
}

func TestIdentityDocumentIsSigned(t *testing.T) {
	t.Parallel()
	l := newLab(t, api.Options{Dir: t.TempDir()})
	n := makeNetwork(t, l)
	id := *must(l.ec2.RunInstances(t.Context(), n.run(1)))(t).Instances[0].InstanceId
	_, doc := imdsGet(t, l, id, "/latest/dynamic/instance-identity/document")
	_, sig := imdsGet(t, l, id, "/latest/dynamic/instance-identity/signature")
	_, p7 := imdsGet(t, l, id, "/latest/dynamic/instance-identity/pkcs7")
	var fields map[string]any
	if err := json.Unmarshal([]byte(doc), &fields); err != nil || fields["instanceId"] != id || fields["region"] != testRegion {
		t.Errorf("document %s: %v", doc, err)
	}
	chain, err := l.IdentityCertificate()
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(chain)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(sig, "\n", ""))
	if err != nil {
		t.Fatal(err)
	}
	if err := cert.CheckSignature(x509.SHA256WithRSA, []byte(doc), raw); err != nil {
		t.Errorf("the signature of the document: %v", err)
	}
	der, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(p7, "\n", ""))
	if err != nil || len(der) < len(doc) || !strings.Contains(string(der), id) {
		t.Errorf("the PKCS #7 form does not hold the document (%d bytes, %v, sha256 %x)", len(der), err, sha256.Sum256(der))
	}
}
