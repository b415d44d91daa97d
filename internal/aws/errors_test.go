package aws

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clusterform/clusterform/planner/resource"
)

// failing is a Cloud on which every call fails in one way.
func failing(status int, body string, err error) (*script, *Cloud) {
	s := &script{answer: func(string, url.Values) (int, string, error) { return status, body, err }}
	return s, s.cloud(Options{})
}

func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		status   int
		body     string
		err      error
		wantCode string
		want     []string
		calls    int // 0: any
	}{
		{
			name: "a refusal loses its encoded blob", status: 403, calls: 1, wantCode: "UnauthorizedOperation",
			body: ec2Error("UnauthorizedOperation", "You are not authorized. Encoded authorization failure message: c0ffee"),
			want: []string{"ec2:DescribeAvailabilityZones", "You are not authorized (request req-1)", "Allow this action"},
		},
		{
			name: "wrong keys", status: 401, body: ec2Error("AuthFailure", "AWS was not able to validate the provided access credentials"),
			wantCode: "AuthFailure", want: []string{"not able to validate", "AWS_PROFILE"}, calls: 1,
		},
		{
			name: "an expired session", status: 400, body: ec2Error("ExpiredToken", "The security token included in the request is expired"),
			wantCode: "ExpiredToken", want: []string{"log in again"}, calls: 1,
		},
		{
			name: "control characters", status: 400, body: ec2Error("Invalid&#x9b;", "bad &#x9b;31m thing &#x202e;"), want: []string{"Invalid: bad 31m thing"},
		},
		{
			name: "nobody listens", err: &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}, calls: maxRefusedAttempts,
			want: []string{"nothing listens at http://lab.invalid", "clusterform lab up"},
		},
		{
			name: "no such name", err: &net.DNSError{Err: "no such host", Name: "lab.invalid", IsNotFound: true},
			want: []string{"lab.invalid cannot be resolved"},
		},
		{
			name: "answers that break off are asked for again", err: io.ErrUnexpectedEOF, calls: maxOtherAttempts, want: []string{"broke before the answer came"},
		},
		{
			name: "throttling is waited out for long", status: 503, body: ec2Error("RequestLimitExceeded", "Request limit exceeded."),
			wantCode: "RequestLimitExceeded", want: []string{"-parallelism"}, calls: maxAttempts,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, c := failing(test.status, test.body, test.err)
				_, err := c.Zones(t.Context(), "eu-west-1")
				e, ok := errors.AsType[*resource.Error](err)
				if !ok {
					t.Fatalf("got %T %v", err, err)
				}
				if test.wantCode != "" && e.Code != test.wantCode {
					t.Errorf("code %q, want %q", e.Code, test.wantCode)
				}
				for _, want := range test.want {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("%q lacks %q", err, want)
					}
				}
				for _, bad := range []string{"c0ffee", "s3cr3t-marker", "\u009b", "\u202e"} {
					if strings.Contains(err.Error(), bad) {
						t.Errorf("%q holds %q", err, bad)
					}
				}
				if n := s.count("DescribeAvailabilityZones"); test.calls > 0 && n != test.calls {
					t.Errorf("%d calls, want %d", n, test.calls)
				}
			})
		})
	}
}

func TestNoCredentials(t *testing.T) {
	isolate(t)
	_, err := New(Options{Endpoint: "http://lab.invalid"}).Zones(t.Context(), "eu-west-1")
	if err == nil || !strings.Contains(err.Error(), "no AWS credentials were found") || !strings.Contains(err.Error(), "aws sso login") {
		t.Errorf("got %v", err)
	}
}

func TestNoRegion(t *testing.T) {
	isolate(t)
	_, err := New(Options{}).Zones(t.Context(), "")
	if err == nil || !strings.Contains(err.Error(), "no region is set") {
		t.Errorf("got %v", err)
	}
}

func TestUnknownProfile(t *testing.T) {
	isolate(t)
	_, err := New(Options{Profile: "nobody"}).Driver("eu-west-1", resource.KindVPC)
	if err == nil || !strings.Contains(err.Error(), "nobody") || !strings.Contains(err.Error(), "AWS_PROFILE") {
		t.Errorf("got %v", err)
	}
}

// TestInterruptedCallsEnd: a call that changes something is not cut off by the end of its run; its answer counts.
func TestInterruptedCallsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := newRun("eu-west-1")
		s := &script{answer: func(action string, _ url.Values) (int, string, error) {
			if action == "AllocateAddress" {
				cancel()
				time.Sleep(time.Second)
				return 200, `<AllocateAddressResponse><allocationId>eipalloc-1</allocationId></AllocateAddressResponse>`, nil
			}
			return 200, `<DescribeAddressesResponse><addressesSet/></DescribeAddressesResponse>`, nil
		}}
		errs := r.apply(ctx, s.cloud(Options{}), r.creation(eip, &resource.ElasticIP{}))
		rec, ok := r.Record(eip)
		if !ok || rec.ID != "eipalloc-1" || !rec.Incomplete {
			t.Errorf("recorded %+v, want the address as incomplete", rec)
		}
		if !errors.Is(errs[eip], context.Canceled) {
			t.Errorf("got %v", errs[eip])
		}
	})
}

// TestSilentEndpoint: an attempt without an answer is given up and made again.
func TestSilentEndpoint(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		silent := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			attempts++
			<-r.Context().Done()
			return nil, r.Context().Err()
		})}
		c := New(Options{
			CallTimeout: time.Second, HTTPClient: silent, Endpoint: "http://lab.invalid", Keys: &Keys{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "x"},
		})
		_, err := c.Zones(t.Context(), "eu-west-1")
		if err == nil || !strings.Contains(err.Error(), "no answer within 1s") || attempts != maxOtherAttempts {
			t.Errorf("after %d attempts: %v", attempts, err)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
