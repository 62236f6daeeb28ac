/** The innocent part, which is why anybody would install it. */
module.exports = (date) => date.toISOString().slice(0, 10);
