package gatelint.lib.objects_test

import data.gatelint.lib.objects

test_namespace if {
	objects.namespace({"metadata": {"namespace": "shop"}}) == "shop"
	not objects.namespace({"metadata": {"namespace": ""}})
	not objects.namespace({"metadata": {}})
	not objects.namespace({"metadata": {"namespace": "${NAMESPACE}"}})
}

test_name if {
	objects.name == "web" with input as {"metadata": {"name": "web", "generateName": "x-"}}
	objects.name == "web-…" with input as {"metadata": {"generateName": "web-"}}
	objects.name == "web-…" with input as {"metadata": {"name": "", "generateName": "web-"}}
	every metadata in [{}, {"name": 5}, {"generateName": 5}] {
		objects.name == "…" with input as {"metadata": metadata}
	}
}

test_texts if {
	objects.texts(["a", 1, "${B}", "c"]) == {0: "a", 3: "c"}
	objects.texts(null) == {}
}

test_opaque if {
	every text in ["${A}", "x-${A:-b}", "$(A)", "{{ .Values.a }}", "ENC[AES256_GCM,data:x]"] {
		objects.opaque(text)
	}
	every text in ["", "$A", "$1", "a{1}", "^/a$", 5] {
		not objects.opaque(text)
	}
}

test_like if {
	objects.like(["edge", "shop-*"], "shop-a.b")
	not objects.like(["edge", "shop-*"], "shop")
	not objects.like([], "shop")
}

test_seconds if {
	objects.seconds("1.5s") == 1.5
	objects.seconds("1m30s") == 90
	objects.seconds("250ms") == 0.25
	objects.seconds("+90m") == 5400
	objects.seconds(".5h") == 1800
	objects.seconds("1.h1.m") == 3660
	objects.seconds("2µs") == 0.000002
	objects.seconds("2562048h") == 9223372800
	objects.seconds("99999999999999999999s") > 1000000
	objects.seconds("1h30m15.5s") == 5415.5
	objects.seconds("+1.h.5m00500.ms") == 3630.5
	not objects.seconds("-1s")
	not objects.seconds("++1s")
	not objects.seconds(".s")
	not objects.seconds("soon")
	not objects.seconds("")
	not objects.seconds(5)
}

test_asked_by if {
	not objects.asked_by(["*"], ["*"])
	objects.asked_by(["ci-*"], []) with data.gatelint.request as {"user": "ci-1", "groups": []}
	objects.asked_by([], ["admins"]) with data.gatelint.request as {"user": "x", "groups": ["dev", "admins"]}
	objects.asked_by([], ["admins", "dev"]) with data.gatelint.request as {"user": "x", "groups": ["dev", "admins"]}
	not objects.asked_by(["admins"], ["x"]) with data.gatelint.request as {"user": "x", "groups": ["admins"]}
}

test_quoted if objects.quoted(["a", "b"]) == `"a", "b"`

test_lacks if {
	objects.lacks({}, "a")
	objects.lacks({"a": null}, "a")
	not objects.lacks({"a": 0}, "a")
}

test_shown if {
	objects.shown("shop", "web") == "shop/web"
	objects.shown("", "web") == "web"
}
