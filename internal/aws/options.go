package aws

import (
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"

	"github.com/clusterform/clusterform/internal/event"
)

// Options configure a Cloud. The zero value is AWS with the environment's credentials.
type Options struct {
	// Profile is the name of a shared configuration profile; default AWS_PROFILE, then "default".
	Profile string
	// ConfigFiles and CredentialsFiles are where profiles are looked up; default AWS_CONFIG_FILE and
	// AWS_SHARED_CREDENTIALS_FILE, then ~/.aws/config and ~/.aws/credentials.
	ConfigFiles, CredentialsFiles []string
	// Region is that of calls that name none, and of STS; default AWS_REGION, then the profile's.
	Region string
	// Endpoint is the URL of all services; default AWS_ENDPOINT_URL and the like, then AWS itself.
	Endpoint string
	// Endpoints are URLs of single services, before Endpoint; default AWS_ENDPOINT_URL_EC2 and the like. Services has the
	// names.
	Endpoints map[string]string
	// HTTPClient sends the requests; default the SDK's own. Tests give one that stays in process.
	HTTPClient sdk.HTTPClient
	// Keys are fixed credentials; default the SDK's chain (environment, profile, SSO, instance role).
	Keys *Keys
	// AssumeRole is a role to assume with the credentials; default none but what the profile says.
	AssumeRole *AssumeRole
	// MaxAttempts is how often one request is sent at most; default AWS_MAX_ATTEMPTS, then as often as its failure is worth
	// (retry.go).
	MaxAttempts int
	// NoMetadata keeps the SDK's chain from asking the instance metadata service for credentials.
	NoMetadata bool
	// Parallelism is how many requests may be under way at once; default 10.
	Parallelism int
	// Limits says where the request limiter starts; default LimitAuto.
	Limits LimitMode
	// Events hears of throttling; default nobody.
	Events event.Sink
	// ConsistencyWindow is how long something just made may stay invisible; default 2 minutes. Within it, "not found" is
	// asked again.
	ConsistencyWindow time.Duration
	// LaunchTimeout bounds the wait for an instance to run, DeleteTimeout that for a removal and for what blocks it;
	// default 10 minutes each.
	LaunchTimeout, DeleteTimeout time.Duration
	// CallTimeout bounds one attempt of one request; default 1 minute.
	CallTimeout time.Duration
	// UserAgent is added to the SDK's, as "clusterform/1.2.3".
	UserAgent string
}

// Keys are fixed credentials.
type Keys struct{ AccessKeyID, SecretAccessKey, SessionToken string }

// String keeps the secret out of messages.
func (k Keys) String() string { return k.AccessKeyID }

// AssumeRole is a session of a role. What is empty is left to STS.
type AssumeRole struct {
	RoleARN string
	// SessionName stands in CloudTrail with each call; default "clusterform".
	SessionName string
	// ExternalID is what the role's trust policy may ask for.
	ExternalID string
	// Duration is how long one session lasts before it is renewed, from 15 minutes on; default 1 hour.
	Duration time.Duration
	// Policy, in JSON, and PolicyARNs restrict the session to what both they and the role allow.
	Policy     string
	PolicyARNs []string
	// SourceIdentity stays with the session and with what it assumes in turn.
	SourceIdentity string
	// Tags are the session's; the keys in TransitiveTags go on to what it assumes in turn.
	Tags           map[string]string
	TransitiveTags []string
}

func (o Options) withDefaults() Options {
	orDuration := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	orDuration(&o.ConsistencyWindow, 2*time.Minute)
	orDuration(&o.LaunchTimeout, 10*time.Minute)
	orDuration(&o.DeleteTimeout, 10*time.Minute)
	orDuration(&o.CallTimeout, time.Minute)
	if o.Parallelism <= 0 {
		o.Parallelism = 10
	}
	if o.Limits == "" {
		o.Limits = LimitAuto
	}
	if o.Events == nil {
		o.Events = event.Discard
	}
	return o
}
