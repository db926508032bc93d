// The twin of app.py, which says what it does.
export const handler = async (event) => {
    process.stdout.write("GIVEN " + JSON.stringify(event) + "\n");
    const asked = event.Records.map((each) => each.dynamodb.NewImage.answer).find((each) => each);
    let answer = asked ? asked.S : '{"state": {}}';
    if (answer === "raise") throw new Error("asked to");
    if (answer === "exit") process.exit(1);
    for (const each of event.Records) {
        answer = answer.replaceAll("$" + each.dynamodb.Keys.sk.S, each.dynamodb.SequenceNumber);
    }
    return JSON.parse(answer);
};
