# Debian's Node brings npm, npm brings Bun: nothing else is fetched from anywhere.
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends nodejs npm ca-certificates && rm -rf /var/lib/apt/lists/*
RUN npm install --global bun@1.4.5
WORKDIR /app
COPY package.json bun.lock bunfig.toml ./
RUN bun install --frozen-lockfile --production
COPY tsconfig.json ./
COPY migrations migrations
COPY src src
RUN bun run build
# JavaScriptCore lets a heap grow to twice what lives, not to four times: a fifth less of it is left after a crowd came, for 3 % of CPU.
# Its options have no fixed names: look again with another version of Bun, which refuses to start with one that it does not know.
ENV BUN_JSC_heapGrowthMaxIncrease=1
# While a heap is collected, everybody else goes on for 95 % of the time, at worst for 60: with 60 and 0, as JavaScriptCore has it, they
# heard of their messages 30 to 60 ms late whenever thousands of chats were looked through. The heap may grow somewhat further meanwhile.
ENV BUN_JSC_maximumMutatorUtilization=0.95 BUN_JSC_minimumMutatorUtilization=0.6
ENV HOST=0.0.0.0 PORT=8080 DATA_DIR=/data NODE_ENV=production
EXPOSE 8080
CMD ["bun", "dist/main.js"]
