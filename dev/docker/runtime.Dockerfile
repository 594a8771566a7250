# temporal-dsql-runtime: temporal-dsql with this repository's dynamic configuration, ready for a rendered persistence
# file. There is no entrypoint, so every tool in it can be run by its name.

FROM temporal-dsql:latest
COPY dynamicconfig/ /etc/temporal/config/dynamicconfig/
WORKDIR /etc/temporal
CMD ["temporal-server", "--config-file", "/etc/temporal/config/persistence.yaml", "--allow-no-auth", "start"]
