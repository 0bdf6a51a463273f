export const ContainersPage = () => <p>todo</p>;
