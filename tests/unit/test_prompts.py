import pytest

from monkeys.tasks.prompts import compile_template, names_in


def test_a_template_is_rendered_with_the_columns_of_a_row():
    template = compile_template(
        "{% for shot in examples %}{{ shot.q }}\n{% endfor %}{{ question|trim }} {{ 2 * n + 1 }}\n"
    )
    assert template.render({"examples": [{"q": "a"}, {"q": "b"}], "question": " why? ", "n": 3}) == "a\nb\nwhy? 7\n"


def test_dataset_text_is_never_treated_as_a_template():
    assert compile_template("{{ question }}").render({"question": "{{ 7 * 7 }}"}) == "{{ 7 * 7 }}"


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ cycler.__init__.__globals__.os.popen('echo out').read() }}",
        "{{ question.__class__ }}",
        "{{ examples.append(1) }}",
        "{{ '%s' % question }}",
        "{{ 'x' * 10 ** 9 }}",
        "{{ 10 ** (10 ** 10) }}",
        "{{ 2 ** 100000000 }}",
        "{% for i in range(10 ** 9) %}x{% endfor %}",
        "{% for i in range(90000) %}{{ 'x' * 9999 }}{% endfor %}",
        "{% set n = namespace(x='xx') %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}{{ n.x }}",
    ],
)
def test_templates_cannot_escape_the_sandbox_or_exhaust_resources(template):
    with pytest.raises(ValueError, match="the template does something that is not allowed"):
        compile_template(template).render({"question": "why?", "examples": []})


def test_names_in_a_template_are_found_without_rendering_it():
    assert names_in("{{ question }}{% for e in examples %}{{ e.q }}{% endfor %}") == {"question", "examples"}
