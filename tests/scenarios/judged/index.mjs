// The twin of app.py, which says what it does.
export const handler = async (event) => {
    const text = event.state?.text;
    const shown = text === undefined ? event : { ...event, state: { text: text.length } };
    process.stdout.write("GIVEN " + JSON.stringify(shown) + "\n");
    const asked = event.Records.map((each) => each.dynamodb.NewImage.answer).find((each) => each);
    let answer = asked ? asked.S : '{"state": {}}';
    const isClosing = event.isFinalInvokeForWindow ?? false;
    if (answer === "raise" || (isClosing && "raise" in event.state)) throw new Error("asked to");
    if (answer === "exit") process.exit(1);
    if (answer === "hang") await new Promise((settle) => setTimeout(settle, 60_000));
    if (answer === "nothing") return undefined;
    if (answer === "large") return { state: { text: "x".repeat(1 << 20) } };
    for (const each of event.Records) {
        answer = answer.replaceAll("$" + each.dynamodb.Keys.sk.S, each.dynamodb.SequenceNumber);
    }
    return JSON.parse(answer);
};
