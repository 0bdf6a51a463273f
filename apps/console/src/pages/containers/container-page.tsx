export const ContainerPage = () => <p>todo</p>;
