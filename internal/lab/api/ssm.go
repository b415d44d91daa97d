package api

import (
	"encoding/base64"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api/wire/ssm"
)

// parameter is one SSM parameter with its versions, the newest last.
type parameter struct {
	Name     string
	Tier     string
	DataType string
	Tags     tagSet
	Versions []paramVersion
}

type paramVersion struct {
	Number      int64
	Type        string
	Value       string // base64 of the sealed value for SecureString
	KeyID       string
	Description string
	Pattern     string
	Modified    time.Time
	By          string
}

func (p *parameter) latest() *paramVersion { return &p.Versions[len(p.Versions)-1] }

const (
	typeSecure     = "SecureString"
	maxHistory     = 100
	standardBytes  = 4096
	advancedBytes  = 8192
	defaultKeyName = "alias/aws/ssm"
)

func ssmActions() map[string]handler {
	return map[string]handler{
		"PutParameter": on((*call).putParameter), "GetParameter": on((*call).getParameter), "GetParameters": on((*call).getParameters),
		"GetParametersByPath": on((*call).getParametersByPath), "DeleteParameter": on((*call).deleteParameter),
		"DeleteParameters": on((*call).deleteParameters), "GetParameterHistory": on((*call).getParameterHistory),
		"DescribeParameters": on((*call).describeParameters), "AddTagsToResource": on((*call).addTagsToResource),
		"RemoveTagsFromResource": on((*call).removeTagsFromResource), "ListTagsForResource": on((*call).listTagsForResource),
	}
}

// publicSince is when the lab's own public parameters were last written, as far as answers say.
var publicSince = time.Date(2025, 11, 1, 4, 0, 0, 0, time.UTC)

var paramName = regexp.MustCompile(`^[a-zA-Z0-9_.\-/]+$`)

func checkParamName(name string) error {
	switch {
	case len(name) > 2048 || !paramName.MatchString(name):
		return fail("ValidationException", "Parameter name: can't be empty or longer than 2048 characters, and only a mix of letters, numbers and the following 3 symbols .-_ are allowed, with / between levels")
	case strings.Contains(name, "/") && !strings.HasPrefix(name, "/"):
		return fail("ValidationException", "Parameter name must be a fully qualified name.")
	case strings.HasSuffix(name, "/") || strings.Contains(name, "//"):
		return fail("ValidationException", "Parameter name: an empty level is not allowed")
	case strings.Count(name, "/") > 15:
		return fail("HierarchyLevelLimitExceededException", "Hierarchy level limit exceeded: 15")
	}
	if strings.HasPrefix(strings.ToLower(name), "/aws/") {
		return fail("AccessDeniedException", "No access to reserved parameter name: %s.", name)
	}
	bare := strings.ToLower(strings.TrimPrefix(name, "/"))
	if strings.HasPrefix(bare, "aws") || strings.HasPrefix(bare, "ssm") {
		return fail("ValidationException", "Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_")
	}
	return nil
}

// paramARN names a parameter; public ones belong to no account.
func (s *Server) paramARN(name string) string {
	if strings.HasPrefix(name, "/aws/") {
		return "arn:aws:ssm:" + s.opt.Region + "::parameter" + name
	}
	return s.arn("ssm", "parameter/"+strings.TrimPrefix(name, "/"))
}

func (c *call) mayParam(action, name string) error {
	return c.authorize("ssm:"+action, c.paramARN(name))
}

func (c *call) putParameter(in *ssm.PutParameterRequest) (any, error) {
	if err := c.mayParam("PutParameter", in.Name); err != nil {
		return nil, err
	}
	if err := checkParamName(in.Name); err != nil {
		return nil, err
	}
	old := c.parameters.get(in.Name)
	overwrite := value(in.Overwrite, false)
	typ := in.Type
	switch {
	case old != nil && !overwrite:
		return nil, fail("ParameterAlreadyExists", "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")
	case old != nil && len(in.Tags) > 0:
		return nil, fail("ValidationException", "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.")
	case old != nil && typ == "":
		typ = old.latest().Type
	case typ == "":
		return nil, fail("ValidationException", "A parameter type is required when you create a parameter.")
	case old != nil && typ != old.latest().Type && (typ == typeSecure || old.latest().Type == typeSecure):
		return nil, fail("HierarchyTypeMismatchException", "The type of the parameter cannot be changed from %s to %s.", old.latest().Type, typ)
	}
	if !slices.Contains([]string{"String", "StringList", typeSecure}, typ) {
		return nil, fail("ValidationException", "1 validation error detected: Value '%s' at 'type' failed to satisfy constraint: Member must satisfy enum value set: [SecureString, StringList, String]", printable(typ))
	}
	tier := in.Tier
	if tier == "" || tier == "Intelligent-Tiering" {
		tier = "Standard"
		if len(in.Value) > standardBytes && in.Tier != "" {
			tier = "Advanced"
		}
	}
	if old != nil && old.Tier == "Advanced" {
		tier = "Advanced"
	}
	if most := map[string]int{"Standard": standardBytes, "Advanced": advancedBytes}[tier]; len(in.Value) > most {
		return nil, fail("ValidationException", "Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier.")
	}
	if in.Value == "" {
		return nil, fail("ValidationException", "1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1.")
	}
	if in.AllowedPattern != "" {
		re, err := regexp.Compile(in.AllowedPattern)
		if err != nil {
			return nil, fail("InvalidAllowedPatternException", "The request does not meet the regular expression requirement.")
		}
		if !re.MatchString(in.Value) {
			return nil, fail("ParameterPatternMismatchException", "Parameter value, cannot be validated against allowedPattern: %s", in.AllowedPattern)
		}
	}
	p := &parameter{Name: in.Name, Tier: tier, DataType: "text"}
	if in.DataType != "" {
		p.DataType = in.DataType
	}
	v := paramVersion{Number: 1, Type: typ, Value: in.Value, Description: in.Description, Pattern: in.AllowedPattern, Modified: c.db.now, By: c.who.arn}
	if old != nil {
		p.Tags, p.Versions = old.Tags, slices.Clone(old.Versions)
		v.Number = old.latest().Number + 1
		if v.Description == "" {
			v.Description = old.latest().Description
		}
		if len(p.Versions) >= maxHistory {
			p.Versions = p.Versions[1:]
		}
	} else {
		for _, t := range in.Tags {
			p.Tags = p.Tags.with([]tag{{t.Key, t.Value}})
		}
	}
	if typ == typeSecure {
		v.KeyID = in.KeyId
		if v.KeyID == "" {
			v.KeyID = defaultKeyName
		}
		v.Value = base64.StdEncoding.EncodeToString(c.vault.seal("ssm "+in.Name, []byte(in.Value)))
	}
	p.Versions = append(p.Versions, v)
	c.parameters.put(p.Name, p)
	return &ssm.PutParameterResult{Version: new(v.Number), Tier: tier}, nil
}

// public gives a public parameter: the newest image of a distribution, or one of Options.PublicParameters.
func (s *Server) public(name string) *parameter {
	if !strings.HasPrefix(name, "/aws/service/") {
		return nil
	}
	if text, ok := s.opt.PublicParameters[name]; ok {
		return &parameter{Name: name, Tier: "Standard", DataType: "text", Versions: []paramVersion{{Number: 1, Type: "String", Value: text, Modified: publicSince}}}
	}
	for _, im := range s.images {
		if slices.Contains(im.Params, name) {
			return &parameter{Name: name, Tier: "Standard", DataType: "aws:ec2:image", Versions: []paramVersion{{Number: 1, Type: "String", Value: im.ID, Modified: im.Created}}}
		}
	}
	return nil
}

// lookup finds a parameter by name, name:version or ARN.
func (c *call) lookup(name string) (*parameter, *paramVersion, string, error) {
	notFound := fail("ParameterNotFound", "Parameter %s not found.", printable(name))
	if i := strings.Index(name, ":parameter/"); strings.HasPrefix(name, "arn:") && i > 0 {
		path := name[i+len(":parameter"):]
		if c.parameters.get(path) == nil && c.public(path) == nil {
			path = strings.TrimPrefix(path, "/")
		}
		name = path
	}
	base, selector, selected := strings.Cut(name, ":")
	p := c.parameters.get(base)
	if p == nil {
		p = c.public(base)
	}
	if p == nil {
		return nil, nil, "", notFound
	}
	if !selected {
		return p, p.latest(), "", nil
	}
	n, err := strconv.ParseInt(selector, 10, 64)
	if err == nil {
		for i := range p.Versions {
			if p.Versions[i].Number == n {
				return p, &p.Versions[i], ":" + selector, nil
			}
		}
	}
	return nil, nil, "", fail("ParameterVersionNotFound", "Systems Manager could not find version %s of %s. Verify the version and try again.", printable(selector), printable(base))
}

func (c *call) plain(p *parameter, v *paramVersion, decrypt bool) (string, error) {
	if v.Type != typeSecure || !decrypt {
		return v.Value, nil
	}
	sealed, err := base64.StdEncoding.DecodeString(v.Value)
	if err != nil {
		return "", err
	}
	plain, err := c.vault.open("ssm "+p.Name, sealed)
	if err != nil {
		return "", fail("InvalidKeyId", "The parameter %s was encrypted with another key", p.Name)
	}
	return string(plain), nil
}

func (c *call) renderParam(p *parameter, v *paramVersion, selector string, decrypt bool) (ssm.Parameter, error) {
	val, err := c.plain(p, v, decrypt)
	return ssm.Parameter{
		Name: p.Name, Type: v.Type, Value: val, Version: new(v.Number), LastModifiedDate: new(v.Modified), ARN: c.paramARN(p.Name),
		DataType: p.DataType, Selector: selector,
	}, err
}

func (c *call) getParameter(in *ssm.GetParameterRequest) (any, error) {
	base, _, _ := strings.Cut(in.Name, ":")
	if strings.HasPrefix(in.Name, "arn:") {
		base = in.Name[max(strings.Index(in.Name, ":parameter/"), 0)+len(":parameter"):]
	}
	if err := c.mayParam("GetParameter", base); err != nil {
		return nil, err
	}
	p, v, sel, err := c.lookup(in.Name)
	if err != nil {
		return nil, err
	}
	out, err := c.renderParam(p, v, sel, value(in.WithDecryption, false))
	if err != nil {
		return nil, err
	}
	return &ssm.GetParameterResult{Parameter: &out}, nil
}

func (c *call) getParameters(in *ssm.GetParametersRequest) (any, error) {
	if len(in.Names) < 1 || len(in.Names) > 10 {
		return nil, fail("ValidationException", "1 validation error detected: Value at 'names' failed to satisfy constraint: Member must have length between 1 and 10")
	}
	out := &ssm.GetParametersResult{Parameters: []ssm.Parameter{}, InvalidParameters: []string{}}
	for _, name := range in.Names {
		base, _, _ := strings.Cut(name, ":")
		if err := c.mayParam("GetParameters", base); err != nil {
			return nil, err
		}
		p, v, sel, err := c.lookup(name)
		if err != nil {
			out.InvalidParameters = append(out.InvalidParameters, name)
			continue
		}
		x, err := c.renderParam(p, v, sel, value(in.WithDecryption, false))
		if err != nil {
			return nil, err
		}
		out.Parameters = append(out.Parameters, x)
	}
	return out, nil
}

// allParams gives the account's parameters and the public ones, sorted by name.
func (c *call) allParams(public bool) []*parameter {
	var out []*parameter
	for p := range c.parameters.all() {
		out = append(out, p)
	}
	if public {
		for _, im := range c.images {
			for _, name := range im.Params {
				out = append(out, c.public(name))
			}
		}
		for name := range c.opt.PublicParameters {
			out = append(out, c.public(name))
		}
	}
	slices.SortFunc(out, func(a, b *parameter) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func ssmPage[T any](rows []T, limit *int64, most int64, token string) ([]T, string, error) {
	n := value(limit, most)
	if n < 1 || n > most {
		return nil, "", fail("ValidationException", "1 validation error detected: Value '%d' at 'maxResults' failed to satisfy constraint: Member must have value between 1 and %d", n, most)
	}
	at := 0
	if token != "" {
		var err error
		if at, err = strconv.Atoi(token); err != nil || at < 0 || at > len(rows) {
			return nil, "", fail("InvalidNextToken", "The specified token isn't valid.")
		}
	}
	rows = rows[at:]
	if int64(len(rows)) > n {
		return rows[:n], strconv.Itoa(at + int(n)), nil
	}
	return rows, "", nil
}

func (c *call) getParametersByPath(in *ssm.GetParametersByPathRequest) (any, error) {
	if !strings.HasPrefix(in.Path, "/") {
		return nil, fail("ValidationException", "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash \"/\".")
	}
	prefix := strings.TrimSuffix(in.Path, "/") + "/"
	if err := c.mayParam("GetParametersByPath", in.Path); err != nil {
		return nil, err
	}
	var rows []*parameter
	for _, p := range c.allParams(strings.HasPrefix(prefix, "/aws/")) {
		rest, ok := strings.CutPrefix(p.Name, prefix)
		if !ok || !value(in.Recursive, false) && strings.Contains(rest, "/") {
			continue
		}
		match, err := p.matches(in.ParameterFilters)
		if err != nil {
			return nil, err
		}
		if match {
			rows = append(rows, p)
		}
	}
	rows, next, err := ssmPage(rows, in.MaxResults, 10, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ssm.GetParametersByPathResult{Parameters: []ssm.Parameter{}, NextToken: next}
	for _, p := range rows {
		x, err := c.renderParam(p, p.latest(), "", value(in.WithDecryption, false))
		if err != nil {
			return nil, err
		}
		out.Parameters = append(out.Parameters, x)
	}
	return out, nil
}
