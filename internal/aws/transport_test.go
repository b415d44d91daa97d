package aws

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// script answers the requests of a Cloud from a function, and keeps what was asked.
type script struct {
	mu     sync.Mutex
	asked  []string
	answer func(action string, form url.Values) (status int, body string, err error)
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(raw))
	if err != nil {
		return nil, err
	}
	action := form.Get("Action")
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		_, action, _ = strings.Cut(target, ".")
	}
	s.mu.Lock()
	s.asked = append(s.asked, action)
	s.mu.Unlock()
	status, body, err := s.answer(action, form)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"text/xml"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r,
	}, nil
}

func (s *script) count(action string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, a := range s.asked {
		if a == action {
			n++
		}
	}
	return n
}

// cloud is a Cloud that the script answers.
func (s *script) cloud(opts Options) *Cloud {
	opts.HTTPClient = &http.Client{Transport: s}
	opts.Keys = &Keys{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "s3cr3t-marker"}
	if opts.Endpoint == "" {
		opts.Endpoint = "http://lab.invalid"
	}
	return New(opts)
}

func ec2Error(code, message string) string {
	return "<Response><Errors><Error><Code>" + code + "</Code><Message>" + message + "</Message></Error></Errors><RequestID>req-1</RequestID></Response>"
}

// isolate keeps the machine's own AWS configuration out of a test.
func isolate(t *testing.T) {
	t.Helper()
	for _, name := range []string{"AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_EC2", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/config")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/credentials")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}
