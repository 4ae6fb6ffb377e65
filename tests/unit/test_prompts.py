import pytest

from monkeys.tasks.prompts import compile_template, names_in


def test_a_template_is_filled_with_the_columns_of_a_row():
    template = compile_template(
        "{% for shot in examples %}{{ shot.q }}\n{% endfor %}{{ question|trim }} {{ 2 * n + 1 }}\n"
    )
    assert template.render({"examples": [{"q": "a"}, {"q": "b"}], "question": " why? ", "n": 3}) == "a\nb\nwhy? 7\n"


def test_text_of_a_dataset_is_never_taken_for_a_template():
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
def test_a_template_reaches_nothing_but_the_row_and_makes_no_endless_text(template):
    with pytest.raises(ValueError, match="the template does something that is not allowed"):
        compile_template(template).render({"question": "why?", "examples": []})


def test_the_names_of_a_template_are_known_without_filling_it():
    assert names_in("{{ question }}{% for e in examples %}{{ e.q }}{% endfor %}") == {"question", "examples"}
