package function

import "github.com/zclconf/go-cty/cty/function/stdlib"

func collection() []Entry {
	return []Entry{
		{"alltrue", Collection, "alltrue(list)", "Whether every element is true; also for an empty list.", "alltrue([true, false]) → false", is(allTrue)},
		{"anytrue", Collection, "anytrue(list)", "Whether an element is true.", "anytrue([true, false]) → true", is(anyTrue)},
		{"chunklist", Collection, "chunklist(list, size)", "The list cut into lists of a size.", "chunklist([1, 2, 3], 2) → [[1, 2], [3]]", is(stdlib.ChunklistFunc)},
		{"coalesce", Collection, "coalesce(values...)", "The first value that is neither null nor an empty text.", "coalesce(\"\", \"b\") → \"b\"", is(coalesce)},
		{"coalescelist", Collection, "coalescelist(lists...)", "The first list that is not empty.", "coalescelist([], [\"a\"]) → [\"a\"]", is(stdlib.CoalesceListFunc)},
		{"compact", Collection, "compact(list)", "The list of texts without empty ones and nulls.", "compact([\"a\", \"\"]) → [\"a\"]", is(stdlib.CompactFunc)},
		{"concat", Collection, "concat(lists...)", "The lists one after the other.", "concat([1], [2, 3]) → [1, 2, 3]", is(stdlib.ConcatFunc)},
		{"contains", Collection, "contains(list, value)", "Whether the value is an element.", "contains([\"a\"], \"b\") → false", is(stdlib.ContainsFunc)},
		{"distinct", Collection, "distinct(list)", "The list without repetitions.", "distinct([1, 2, 1]) → [1, 2]", is(stdlib.DistinctFunc)},
		{"element", Collection, "element(list, index)", "One element; the index starts again at the end.", "element([\"a\", \"b\"], 3) → \"b\"", is(element)},
		{"flatten", Collection, "flatten(list)", "The list with the lists in it replaced by their elements.", "flatten([[1], [2, [3]]]) → [1, 2, 3]", is(stdlib.FlattenFunc)},
		{"index", Collection, "index(list, value)", "Where in the list the value is first found, from 0.", "index([\"a\", \"b\"], \"b\") → 1", is(index)},
		{"keys", Collection, "keys(map)", "The keys, sorted.", "keys({ b = 1, a = 2 }) → [\"a\", \"b\"]", is(stdlib.KeysFunc)},
		{"length", Collection, "length(value)", "How many elements, or characters of a text.", "length([1, 2]) → 2", is(length)},
		{"lookup", Collection, "lookup(map, key, default)", "The element of that key, or the default.", "lookup({ a = 1 }, \"b\", 0) → 0", is(lookup)},
		{"matchkeys", Collection, "matchkeys(values, keys, wanted)", "The values at whose places the keys are among the wanted.", "matchkeys([\"x\", \"y\"], [\"a\", \"b\"], [\"b\"]) → [\"y\"]", is(matchKeys)},
		{"merge", Collection, "merge(maps...)", "All elements of the maps; a later map wins.", "merge({ a = 1 }, { a = 2 }) → { a = 2 }", is(stdlib.MergeFunc)},
		{"one", Collection, "one(list)", "The only element, or null for an empty list.", "one([\"a\"]) → \"a\"", is(one)},
		{"range", Collection, "range(start, limit, step)", "Numbers from start up to, and without, the limit.", "range(1, 4) → [1, 2, 3]", is(stdlib.RangeFunc)},
		{"reverse", Collection, "reverse(list)", "The list backwards.", "reverse([1, 2]) → [2, 1]", is(stdlib.ReverseListFunc)},
		{"slice", Collection, "slice(list, start, end)", "The elements from start up to, and without, end.", "slice([1, 2, 3], 1, 3) → [2, 3]", is(stdlib.SliceFunc)},
		{"sort", Collection, "sort(list)", "The texts in order.", "sort([\"b\", \"a\"]) → [\"a\", \"b\"]", is(stdlib.SortFunc)},
		{"sum", Collection, "sum(list)", "The sum of the numbers.", "sum([1, 2]) → 3", is(sum)},
		{"transpose", Collection, "transpose(map)", "A map of lists, with keys and elements exchanged.", "transpose({ a = [\"x\"] }) → { x = [\"a\"] }", is(transpose)},
		{"values", Collection, "values(map)", "The elements, in the order of their keys.", "values({ b = 1, a = 2 }) → [2, 1]", is(stdlib.ValuesFunc)},
		{"zipmap", Collection, "zipmap(keys, values)", "A map made of a list of keys and a list of values.", "zipmap([\"a\"], [1]) → { a = 1 }", is(stdlib.ZipmapFunc)},
	}
}

func collectionSets() []Entry {
	return []Entry{
		{"setintersection", Collection, "setintersection(sets...)", "The elements that are in all of the sets.", "setintersection([1, 2], [2]) → [2]", is(stdlib.SetIntersectionFunc)},
		{"setproduct", Collection, "setproduct(sets...)", "All combinations of an element of each.", "setproduct([\"a\"], [1, 2]) → [[\"a\", 1], [\"a\", 2]]", is(stdlib.SetProductFunc)},
		{"setsubtract", Collection, "setsubtract(a, b)", "The elements of a that are not in b.", "setsubtract([1, 2], [2]) → [1]", is(stdlib.SetSubtractFunc)},
		{"setunion", Collection, "setunion(sets...)", "The elements of all of the sets.", "setunion([1], [2]) → [1, 2]", is(stdlib.SetUnionFunc)},
	}
}
