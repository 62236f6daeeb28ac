// Runs inside a pod, by `node -e CODE ALLOWED DENIED`, until the pod is deleted. It asks both again and again, with a new
// lookup and a new connection each time, and tells what must not be: LEAK, where what is denied is reached, and LOST,
// where what is allowed is not. A line of figures comes every second.
const [, allowed, denied] = process.argv;
const figures = { asked: 0, reached: 0, refused: 0 };
const ask = async (url) => {
  const headers = { connection: 'close' };
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(30_000) });
  await response.text();
};
const pause = () => new Promise((done) => setTimeout(done, 20));
const often = async (url, good, bad) => {
  for (;;) {
    figures.asked++;
    await ask(url).then(good, bad);
    await pause();
  }
};
setInterval(() => console.log(JSON.stringify(figures)), 1000);
void often(
  allowed,
  () => figures.reached++,
  (error) => console.log('LOST', error.cause?.code ?? error.name),
);
void often(
  denied,
  () => console.log('LEAK'),
  () => figures.refused++,
);
