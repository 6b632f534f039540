{#- The indicators that the warehouse knows; a programme's pack says what meets each and what it is a share of. -#}
{% macro indicators() -%}
    {{ return([
        'participation', 'registration', 'login', 'study', 'course_study', 'diagnostic', 'selection', 'workshop',
        'assignment_submission', 'assignment_pass', 'resource_submission', 'school_based', 'pass', 'pass_of_studied', 'excellent'
    ]) }}
{%- endmacro %}

{#- What cells count: the two whole groups, then the enrolments that meet each indicator. -#}
{% macro cell_counts() -%}
    {{ return(['called_up', 'participating'] + indicators()) }}
{%- endmacro %}

{#- The dimensions of a cell, as columns. -#}
{% macro cell_dimensions() -%}
    {{ return(['province_id', 'city_id', 'county_id', 'school_id', 'class_id', 'subject_id', 'school_stage', 'tier', 'gender']) }}
{%- endmacro %}

{#- Each breakdown and the dimensions that it is made of. -#}
{% macro breakdowns() -%}
    {{ return({
        'programme': [], 'province': ['province_id'], 'city': ['city_id'], 'county': ['county_id'], 'school': ['school_id'],
        'class': ['class_id'], 'subject': ['subject_id'], 'school_stage': ['school_stage'], 'tier': ['tier'], 'gender': ['gender'],
        'city_subject': ['city_id', 'subject_id'],
        'county_subject': ['county_id', 'subject_id'],
        'county_school_stage': ['county_id', 'school_stage'],
        'county_tier': ['county_id', 'tier'],
        'county_gender': ['county_id', 'gender'],
        'subject_school_stage': ['subject_id', 'school_stage'],
        'subject_tier': ['subject_id', 'tier'],
        'subject_gender': ['subject_id', 'gender'],
        'school_stage_tier': ['school_stage', 'tier'],
        'school_stage_gender': ['school_stage', 'gender'],
        'tier_gender': ['tier', 'gender'],
        'county_subject_school_stage': ['county_id', 'subject_id', 'school_stage']
    }) }}
{%- endmacro %}

{#- The count that a denominator's name stands for, of a row that has all `…_count` columns. -#}
{% macro named_count(name, counts='') -%}
    case {{ name }}
        {%- for c in cell_counts() %}
        when '{{ c }}' then {{ counts }}{{ c }}_count
        {%- endfor %}
    end
{%- endmacro %}

{#- The dimensions that a placement itself has; the others follow from its county. -#}
{% macro placement_dimensions() -%}
    {{ return(cell_dimensions() | reject('in', ['province_id', 'city_id']) | list) }}
{%- endmacro %}

{#- Whether any count changes, of a row that has all `…_change` columns. -#}
{% macro any_change(changes='') -%}
    ({% for c in cell_counts() %}{{ changes }}{{ c }}_change <> 0{{ " or " if not loop.last }}{% endfor %})
{%- endmacro %}
