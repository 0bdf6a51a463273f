export const BucketPage = () => <p>todo</p>;
