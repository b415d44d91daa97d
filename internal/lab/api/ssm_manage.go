package api

import (
	"slices"
	"strings"

	"github.com/clusterform/clusterform/internal/lab/api/wire/ssm"
)

// matches applies parameter filters.
func (p *parameter) matches(filters []ssm.ParameterStringFilter) (bool, error) {
	for _, f := range filters {
		var got string
		switch {
		case f.Key == "Name":
			got = p.Name
		case f.Key == "Type":
			got = p.latest().Type
		case f.Key == "KeyId":
			got = p.latest().KeyID
		case f.Key == "Tier":
			got = p.Tier
		case f.Key == "DataType":
			got = p.DataType
		case f.Key == "Path":
			if !slices.ContainsFunc(f.Values, func(v string) bool {
				rest, ok := strings.CutPrefix(p.Name, strings.TrimSuffix(v, "/")+"/")
				return ok && (f.Option == "Recursive" || !strings.Contains(rest, "/"))
			}) {
				return false, nil
			}
			continue
		case strings.HasPrefix(f.Key, "tag:"):
			v, ok := p.Tags.get(f.Key[len("tag:"):])
			if !ok || len(f.Values) > 0 && !slices.Contains(f.Values, v) {
				return false, nil
			}
			continue
		default:
			return false, fail("InvalidFilterKey", "The filter key %s is not valid. Valid filter keys: Name, Type, KeyId, Path, Tier, DataType, tag:…", printable(f.Key))
		}
		test := func(v string) bool { return v == got }
		switch f.Option {
		case "", "Equals":
		case "BeginsWith":
			test = func(v string) bool { return strings.HasPrefix(got, v) }
		case "Contains":
			test = func(v string) bool { return strings.Contains(got, v) }
		default:
			return false, fail("InvalidFilterOption", "The filter option %s is not valid.", printable(f.Option))
		}
		if !slices.ContainsFunc(f.Values, test) {
			return false, nil
		}
	}
	return true, nil
}

func (c *call) deleteParameter(in *ssm.DeleteParameterRequest) (any, error) {
	if err := c.mayParam("DeleteParameter", in.Name); err != nil {
		return nil, err
	}
	if c.parameters.get(in.Name) == nil {
		return nil, fail("ParameterNotFound", "Parameter %s not found.", printable(in.Name))
	}
	c.parameters.delete(in.Name)
	return nil, nil
}

func (c *call) deleteParameters(in *ssm.DeleteParametersRequest) (any, error) {
	if len(in.Names) < 1 || len(in.Names) > 10 {
		return nil, fail("ValidationException", "1 validation error detected: Value at 'names' failed to satisfy constraint: Member must have length between 1 and 10")
	}
	for _, n := range in.Names {
		if err := c.mayParam("DeleteParameters", n); err != nil {
			return nil, err
		}
	}
	out := &ssm.DeleteParametersResult{DeletedParameters: []string{}, InvalidParameters: []string{}}
	for _, n := range in.Names {
		if c.parameters.get(n) == nil {
			out.InvalidParameters = append(out.InvalidParameters, n)
			continue
		}
		c.parameters.delete(n)
		out.DeletedParameters = append(out.DeletedParameters, n)
	}
	return out, nil
}

func (c *call) getParameterHistory(in *ssm.GetParameterHistoryRequest) (any, error) {
	if err := c.mayParam("GetParameterHistory", in.Name); err != nil {
		return nil, err
	}
	p := c.parameters.get(in.Name)
	if p == nil {
		return nil, fail("ParameterNotFound", "Parameter %s not found.", printable(in.Name))
	}
	rows, next, err := ssmPage(p.Versions, in.MaxResults, 50, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ssm.GetParameterHistoryResult{Parameters: []ssm.ParameterHistory{}, NextToken: next}
	for i := range rows {
		v := &rows[i]
		val, err := c.plain(p, v, value(in.WithDecryption, false))
		if err != nil {
			return nil, err
		}
		out.Parameters = append(out.Parameters, ssm.ParameterHistory{
			Name: p.Name, Type: v.Type, Value: val, Version: new(v.Number), KeyId: v.KeyID, LastModifiedDate: new(v.Modified), LastModifiedUser: v.By,
			Description: v.Description, AllowedPattern: v.Pattern, Tier: p.Tier, DataType: p.DataType, Labels: []string{}, Policies: []ssm.ParameterInlinePolicy{},
		})
	}
	return out, nil
}

func (c *call) describeParameters(in *ssm.DescribeParametersRequest) (any, error) {
	if err := c.authorize("ssm:DescribeParameters", "*"); err != nil {
		return nil, err
	}
	filters := slices.Clone(in.ParameterFilters)
	for _, f := range in.Filters { // the older form
		filters = append(filters, ssm.ParameterStringFilter{Key: f.Key, Option: "BeginsWith", Values: f.Values})
	}
	var rows []*parameter
	for _, p := range c.allParams(false) {
		match, err := p.matches(filters)
		if err != nil {
			return nil, err
		}
		if match {
			rows = append(rows, p)
		}
	}
	rows, next, err := ssmPage(rows, in.MaxResults, 50, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ssm.DescribeParametersResult{Parameters: []ssm.ParameterMetadata{}, NextToken: next}
	for _, p := range rows {
		v := p.latest()
		out.Parameters = append(out.Parameters, ssm.ParameterMetadata{
			Name: p.Name, ARN: c.paramARN(p.Name), Type: v.Type, KeyId: v.KeyID, LastModifiedDate: new(v.Modified), LastModifiedUser: v.By,
			Description: v.Description, AllowedPattern: v.Pattern, Version: new(v.Number), Tier: p.Tier, DataType: p.DataType, Policies: []ssm.ParameterInlinePolicy{},
		})
	}
	return out, nil
}

func (c *call) taggedParam(action, kind, id string) (*parameter, error) {
	if kind != "Parameter" {
		return nil, fail("InvalidResourceType", "The resource type is not valid: the lab tags parameters.")
	}
	if err := c.mayParam(action, id); err != nil {
		return nil, err
	}
	if p := c.parameters.get(id); p != nil {
		return p, nil
	}
	return nil, fail("InvalidResourceId", "The resource ID isn't valid. Verify that you entered the correct ID and try again.")
}

func (c *call) addTagsToResource(in *ssm.AddTagsToResourceRequest) (any, error) {
	p, err := c.taggedParam("AddTagsToResource", in.ResourceType, in.ResourceId)
	if err != nil {
		return nil, err
	}
	var add []tag
	for _, t := range in.Tags {
		add = append(add, tag(t))
	}
	c.parameters.update(p.Name, func(p *parameter) { p.Tags = p.Tags.with(add) })
	return nil, nil
}

func (c *call) removeTagsFromResource(in *ssm.RemoveTagsFromResourceRequest) (any, error) {
	p, err := c.taggedParam("RemoveTagsFromResource", in.ResourceType, in.ResourceId)
	if err != nil {
		return nil, err
	}
	c.parameters.update(p.Name, func(p *parameter) { p.Tags = p.Tags.without(in.TagKeys, make([]*string, len(in.TagKeys))) })
	return nil, nil
}

func (c *call) listTagsForResource(in *ssm.ListTagsForResourceRequest) (any, error) {
	p, err := c.taggedParam("ListTagsForResource", in.ResourceType, in.ResourceId)
	if err != nil {
		return nil, err
	}
	out := &ssm.ListTagsForResourceResult{TagList: []ssm.Tag{}}
	for _, t := range p.Tags {
		out.TagList = append(out.TagList, ssm.Tag(t))
	}
	return out, nil
}
