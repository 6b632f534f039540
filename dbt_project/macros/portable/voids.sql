{#- To select from: each of some voids, followed to the event that it is about in the end. One in a circle of voids, or that leads into one,
    is about nothing and is left out.

    DuckDB doubles every void's jump each round, so that a chain of n voids takes log n rounds (10,000 in 0.8 s; one void a round
    took 50 s). Spark knows one reference to a recursive query only: it goes one void a round, from the events outward. -#}
{% macro void_chains(voids) -%}{{ adapter.dispatch('void_chains')(voids) }}{%- endmacro %}
{% macro duckdb__void_chains(voids) -%}
(
    with recursive rounds as (
        select ceil(log2(count(*) + 1)) as round_count from {{ voids }}
    ),

    jumps as (
        select
            programme_id, event_id, voided_event_id, 1 as depth, recorded_on as effective_on, void_number as effective_number,
            void_number, 0 as round_number
        from {{ voids }}
        union all
        select
            jump.programme_id, jump.event_id, coalesce(following.voided_event_id, jump.voided_event_id),
            jump.depth + coalesce(following.depth, 0), greatest(jump.effective_on, following.effective_on),
            greatest(jump.effective_number, following.effective_number), jump.void_number, jump.round_number + 1
        from jumps as jump
        left join jumps as following
            on jump.programme_id = following.programme_id and jump.voided_event_id = following.event_id
        where jump.round_number < (select round_count from rounds)
    )

    select jumps.* exclude (round_number)
    from jumps
    anti join {{ voids }} as named on jumps.programme_id = named.programme_id and jumps.voided_event_id = named.event_id
    where jumps.round_number = (select round_count from rounds)
)
{%- endmacro %}
{% macro spark__void_chains(voids) -%}
(
    with recursive chains as (
        select
            voids.programme_id, voids.event_id, voids.voided_event_id, 1 as depth, voids.recorded_on as effective_on,
            voids.void_number as effective_number, voids.void_number
        from {{ voids }} as voids
        left join {{ voids }} as named
            on voids.programme_id = named.programme_id and voids.voided_event_id = named.event_id
        where named.event_id is null
        union all
        select
            voids.programme_id, voids.event_id, chains.voided_event_id, chains.depth + 1,
            greatest(voids.recorded_on, chains.effective_on), greatest(voids.void_number, chains.effective_number),
            voids.void_number
        from chains
        inner join {{ voids }} as voids
            on chains.programme_id = voids.programme_id and chains.event_id = voids.voided_event_id
    )

    select * from chains
)
{%- endmacro %}
