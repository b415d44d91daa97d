package api

import (
	"strings"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api/wire/sts"
)

func stsActions() map[string]handler {
	return map[string]handler{
		"GetCallerIdentity": on((*call).getCallerIdentity),
		"AssumeRole":        on((*call).assumeRole),
	}
}

func (c *call) getCallerIdentity(*sts.GetCallerIdentityRequest) (any, error) {
	return &sts.GetCallerIdentityResponse{Account: c.opt.AccountID, Arn: c.who.arn, UserId: c.who.user}, nil
}

// assumeRole gives credentials of a role to the root user, and to roles that the trust policy names or the account.
func (c *call) assumeRole(in *sts.AssumeRoleRequest) (any, error) {
	if len(in.RoleSessionName) < 2 || len(in.RoleSessionName) > 64 || !iamName.MatchString(in.RoleSessionName) {
		return nil, fail("ValidationError", "1 validation error detected: Value at 'roleSessionName' failed to satisfy constraint: 2 to 64 of the characters [\\w+=,.@-]")
	}
	name := in.RoleArn[strings.LastIndexByte(in.RoleArn, '/')+1:]
	r := c.roles.get(name)
	if r == nil || c.roleARN(r) != in.RoleArn || !c.trusted(r) {
		return nil, fail("AccessDenied", "User: %s is not authorized to perform: sts:AssumeRole on resource: %s", c.who.arn, printable(in.RoleArn))
	}
	secs := value(in.DurationSeconds, 3600)
	if secs < 900 || secs > r.MaxSession {
		return nil, fail("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role, or is below 900.")
	}
	ses, token, err := c.newSession(r, in.RoleSessionName, time.Duration(secs)*time.Second)
	if err != nil {
		return nil, err
	}
	return &sts.AssumeRoleResponse{
		Credentials: &sts.Credentials{AccessKeyId: ses.KeyID, SecretAccessKey: ses.Secret, SessionToken: token, Expiration: new(ses.Expires)},
		AssumedRoleUser: &sts.AssumedRoleUser{
			AssumedRoleId: r.ID + ":" + in.RoleSessionName, Arn: c.arnGlobal("sts", "assumed-role/"+r.Name+"/"+in.RoleSessionName),
		},
		PackedPolicySize: new(int64(0)),
	}, nil
}

func (s *Server) arnGlobal(service, resource string) string {
	return "arn:aws:" + service + "::" + s.opt.AccountID + ":" + resource
}

// trusted asks the role's trust policy about the caller.
func (c *call) trusted(r *role) bool {
	p, err := parsePolicy(r.Trust, true)
	if err != nil {
		return false
	}
	own := "arn:aws:iam::" + c.opt.AccountID + ":"
	callers := []string{c.opt.AccountID, own + "root", c.who.arn, "*"}
	if c.who.role != "" {
		if me := c.roles.get(c.who.role); me != nil {
			callers = append(callers, c.roleARN(me))
		}
	}
	ok := false
	for _, st := range p.Statement {
		if !st.applies(authRequest{action: "sts:AssumeRole", resource: c.roleARN(r), keys: map[string]string{}}) || !st.names(callers) {
			continue
		}
		if st.Effect == "Deny" {
			return false
		}
		ok = true
	}
	return ok
}
