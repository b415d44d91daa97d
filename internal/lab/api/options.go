package api

import (
	"fmt"
	"log/slog"
	"regexp"
)

// Options configure a Server. The zero value is a server of us-east-1 in memory, without machines, with one key that
// Server.Keys returns.
type Options struct {
	Region    string // default us-east-1
	AccountID string // twelve digits; default 000000000000
	// Clock is the server's time; nil is the time package, which is virtual inside a testing/synctest bubble.
	Clock Clock
	// Machines makes instances real; nil keeps the API alone.
	Machines Machines
	// Dir keeps the state on disk, in files of mode 0600; "" keeps it in memory.
	Dir string
	// Keys are the access keys of the account's root user. Without any, one is made and kept in Dir.
	Keys []Key
	// AcceptAnyKey skips the verification of signatures by keys the lab did not issue; the scope in the request still
	// chooses the service, and the caller counts as root. Role credentials are verified all the same.
	AcceptAnyKey bool
	// ControlToken is required as a bearer token on /_lab/ when set.
	ControlToken string
	Logger       *slog.Logger // default: discards
	// Seed decides identifiers, addresses and faults; 0 picks one at random.
	Seed   int64
	Faults Faults
	// NoDefaultVPC starts the account without the default VPC (172.31.0.0/16 with a subnet per zone) that AWS gives.
	NoDefaultVPC bool
	// PublicParameters are further public SSM parameters, by name below /aws/service/.
	PublicParameters map[string]string
}

// Key is an access key. The secret never appears in answers or logs.
type Key struct {
	AccessKeyID     string `json:"access_key_id"`
	SecretAccessKey string `json:"secret_access_key"`
}

// LogValue keeps the secret out of logs.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.AccessKeyID) }

// String keeps the secret out of messages.
func (k Key) String() string { return k.AccessKeyID }

func (o *Options) complete() error {
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	if !regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-\d$`).MatchString(o.Region) {
		return fmt.Errorf("lab endpoint: %q is not a region name such as ap-northeast-2", o.Region)
	}
	if o.AccountID == "" {
		o.AccountID = "000000000000"
	}
	if !regexp.MustCompile(`^\d{12}$`).MatchString(o.AccountID) {
		return fmt.Errorf("lab endpoint: account id %q is not twelve digits", o.AccountID)
	}
	for _, k := range o.Keys {
		if k.AccessKeyID == "" || k.SecretAccessKey == "" {
			return fmt.Errorf("lab endpoint: an access key without id or secret")
		}
	}
	if o.Clock == nil {
		o.Clock = systemClock{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o.Faults.validate()
}
