// Runs inside a pod, by `node -e`: see probe.sh.
const url = process.argv[1];
const headers = { connection: 'close' };
fetch(url, { headers, signal: AbortSignal.timeout(15_000) })
  .then((response) => response.text())
  .then(
    () => console.log('reached'),
    (error) => console.log(error.cause?.code ?? error.name),
  );
